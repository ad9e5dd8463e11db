// Pages as JSX, rendered on the server.
import { Hono } from "hono";
import { css, Style } from "hono/css";
import type { PropsWithChildren } from "hono/jsx";
import { jsxRenderer } from "hono/jsx-renderer";

const big = css`font-size: 2em;`;

function Page({ title, children }: PropsWithChildren<{ title: string }>) {
  return (
    <html lang="en">
      <head>
        <title>{title}</title>
        <Style />
      </head>
      <body>{children}</body>
    </html>
  );
}

async function Slow({ text }: { text: string }) {
  await Promise.resolve();
  return <em>{text}</em>;
}

export const views = new Hono();
views.get("/page", (c) =>
  c.html(
    <Page title={"<&>"}>
      <p class={big}>{"a < b"}</p>
      <Slow text="async" />
      <input type="checkbox" checked />
    </Page>,
  ),
);
views.use(
  "/layout",
  jsxRenderer(({ children }) => <main>{children}</main>),
);
views.get("/layout", (c) => c.render(<p>inside</p>));
