// HTMLRewriter.
import type { WorkerCases } from "../case.ts";
import { routed } from "./http-router.ts";

/** `rewritten(html, selector, handlers)` is the text that comes out. */
const TOP = `
const html = (text) => new Response(text, { headers: { "content-type": "text/html" } });
const rewritten = (text, selector, handlers) => new HTMLRewriter().on(selector, handlers).transform(html(text)).text();
const element = (text, work) => rewritten(text, "p", { element: work });
`;

const withTop = (paths: string) => {
  const { source, calls } = routed(paths);
  return { source: source.replace("\nexport default", `${TOP}\nexport default`), calls };
};

export const htmlRewriter: WorkerCases = {
  "elements can be changed all around": withTop(`
  "/around": async () => element("<p>x</p>", (p) => p.before("b").prepend("f").append("l").after("a")),
  "/html": async () => element("<p>x</p>", (p) => { p.append("<b>", { html: true }); p.prepend("<i>"); }),
  "/inner": async () => element("<p>x<b>y</b></p>", (p) => p.setInnerContent("<new>")),
  "/replace": async () => element("a<p>x</p>b", (p) => p.replace("<r>", { html: true })),
  "/remove": async () => element("a<p>x</p>b", (p) => { p.remove(); }),
  "/unwrap": async () => element("a<p>x</p>b", (p) => { p.removeAndKeepContent(); }),
  "/rename": async () => element("<p>x</p>", (p) => { p.tagName = "q"; }),
  "/attributes": async () => {
    const found = [];
    const text = await element('<p a=1 b="2">x</p>', (p) => {
      found.push([...p.attributes], p.getAttribute("a"), p.getAttribute("z"), p.hasAttribute("b"), p.hasAttribute("z"));
      p.setAttribute("n", 5).removeAttribute("a");
    });
    return [found, text];
  },
  "/about": async () => {
    const found = [];
    await element("<p>x</p>", (p) => { found.push(p.tagName, p.namespaceURI, p.removed, p.remove().removed, p.constructor.name, String(p)); });
    return found;
  },
  "/end-tag": async () => {
    const found = [];
    const text = await element("<p>x</p>", (p) => p.onEndTag((end) => { found.push(end.name, end.constructor.name); end.before("B"); end.after("A"); }));
    return [found, text];
  },
  "/end-tag-renamed": async () => element("<p>x</p>", (p) => p.onEndTag((end) => { end.name = "q"; })),
  "/end-tag-removed": async () => element("<p>x</p>y", (p) => p.onEndTag((end) => { end.remove(); })),
  "/not-text": async () => element("<p>x</p>", (p) => { p.append(7); p.prepend(null); }),
  "/unclosed": async () => element("<p>x", (p) => p.onEndTag(() => { throw new Error("never"); })),
  "/umlauts": async () => element("<p>ü</p>", (p) => { p.append("é€"); }),
`),
  "texts, comments and the document itself": withTop(`
  "/text": async () => {
    const found = [];
    const text = await rewritten("<p>a<b>c</b>d</p>", "p", { text(t) { found.push([t.text, t.lastInTextNode, t.removed, t.constructor.name]); } });
    return [found, text];
  },
  "/text-replaced": async () => rewritten("<p>abc</p>", "p", { text(t) { if (!t.lastInTextNode) t.replace(t.text.toUpperCase()); } }),
  "/text-around": async () => rewritten("<p>abc</p>", "p", { text(t) { if (t.lastInTextNode) t.after("!"); else t.before("<"); } }),
  "/comment": async () => rewritten("<p><!-- a --></p>", "p", { comments(c) { c.text = c.text + "b"; c.before("x"); } }),
  "/comment-removed": async () => rewritten("<p><!-- a -->z</p>", "p", { comments(c) { c.remove(); } }),
  "/document": async () => {
    const found = [];
    const rewriter = new HTMLRewriter().onDocument({
      doctype(d) { found.push([d.name, d.publicId, d.systemId]); },
      comments(c) { found.push(c.text); },
      text(t) { found.push(t.text); },
      end(e) { found.push(e.constructor.name); e.append("<!--end-->", { html: true }); },
    });
    return [await rewriter.transform(html("<!doctype html><!--c-->x<p>y</p>")).text(), found];
  },
  "/public-id": async () => {
    const found = [];
    const type = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://w3.org/x.dtd">';
    await new HTMLRewriter().onDocument({ doctype(d) { found.push(d.name, d.publicId, d.systemId); } }).transform(html(type)).text();
    return found;
  },
  "/chunks": async () => {
    const found = [];
    const body = streamOf(...["<p>he", "llo", "</", "p>"].map(bytes));
    const text = await new HTMLRewriter().on("p", { text(t) { found.push([t.text, t.lastInTextNode]); } }).transform(new Response(body)).text();
    return [text, found];
  },
`),
  "selectors pick, and bad ones are refused at once": withTop(`
  "/kinds": async () => {
    const found = {};
    const page = '<div id="a" class="c d"><p lang="en-US">x</p><span><p title="t1">y</p></span></div><p>z</p>';
    for (const selector of ["*", "p", "#a", ".d", "div p", "div > p", "[title]", '[title="t1"]', '[title^="t"]', '[title$="1"]', '[lang|="en"]', "p:first-child", "p:nth-child(1)", "p:not([title])", "div, span"]) {
      let count = 0;
      await rewritten(page, selector, { element() { count++; } });
      found[selector] = count;
    }
    return found;
  },
  "/bad": async () => each(Object.fromEntries(["p[", "p:hover", "p + a", "", "p::before", "::", "p >"].map((selector) => [selector, () => { new HTMLRewriter().on(selector, {}); }]))),
  "/order": async () => {
    const found = [];
    const rewriter = new HTMLRewriter();
    for (const [at, selector] of ["p", "*", "p"].entries()) rewriter.on(selector, { element() { found.push(at); } });
    await rewriter.transform(html("<p></p>")).text();
    return found;
  },
  "/esi": async () => rewritten('<esi:include src="x"/>', "esi\\\\:include", { element(e) { e.replace("I"); } }),
`),
  "handlers may wait, throw and hold on": withTop(`
  "/async": async () => element("<p>a</p><p>b</p>", async (p) => { await scheduler.wait(3); p.setInnerContent("done"); }),
  "/side-by-side": async () => {
    const found = [];
    const one = () => element("<p></p>", async (p) => { found.push("in"); await scheduler.wait(5); found.push("out"); p.append("x"); });
    return [await Promise.all([one(), one()]), found];
  },
  "/nested": async () => element("<p></p>", async (p) => { p.append(await rewritten("<q></q>", "q", { element(q) { q.append("in"); } }), { html: true }); }),
  "/throw": async () => element("<p></p>", () => { throw new RangeError("boom"); }),
  "/reject": async () => element("<p></p>", async () => { throw new RangeError("later"); }),
  "/throw-text": async () => element("<p></p>", () => { throw "text"; }),
  "/throw-at-end-tag": async () => element("<p></p>", (p) => p.onEndTag(() => { throw new TypeError("end"); })),
  "/throw-at-end": async () => new HTMLRewriter().onDocument({ end() { throw new TypeError("end"); } }).transform(html("x")).text(),
  "/afterwards": async () => element("<p></p>", (p) => { p.append("works"); }),
  "/stale": async () => {
    let kept;
    await element("<p a=1></p>", (p) => { kept = p; });
    return each({ name: () => kept.tagName, remove: () => kept.remove(), attributes: () => [...kept.attributes] });
  },
  "/stale-text": async () => {
    let kept;
    await rewritten("<p>x</p>", "p", { text(t) { kept = t; } });
    return kept.text;
  },
  "/object": async () => {
    class Counter { n = 0; element(p) { p.append(String(++this.n)); } }
    return rewritten("<p></p><p></p>", "p", new Counter());
  },
  "/no-end-tag": async () => rewritten("<br>", "br", { element(e) { e.onEndTag(() => {}); } }),
  "/bad-names": async () => each({
    attribute: () => element("<p></p>", (p) => { p.setAttribute("a b", "x"); }), empty: () => element("<p></p>", (p) => { p.setAttribute("", "x"); }),
    tag: () => element("<p></p>", (p) => { p.tagName = "1x"; }), comment: () => rewritten("<p><!--a--></p>", "p", { comments(c) { c.text = "-->"; } }),
  }),
`),
  "responses keep what is not their body": withTop(`
  "/kept": async () => {
    const before = new Response("<p>", { status: 201, statusText: "S", headers: { etag: "x", "x-a": "1", "content-type": "text/html" } });
    const after = new HTMLRewriter().on("p", { element() {} }).transform(before);
    return [after.status, after.statusText, after.headers, after instanceof Response, after === before, before.bodyUsed, after.url];
  },
  "/no-body": async () => { const after = new HTMLRewriter().transform(new Response(null, { status: 204 })); return [after.status, after.body]; },
  "/twice": async () => {
    const rewriter = new HTMLRewriter().on("p", { element(p) { p.append("!"); } });
    return Promise.all(["1", "2"].map((text) => rewriter.transform(html("<p>" + text + "</p>")).text()));
  },
  "/chained": async () => {
    const add = (text) => new HTMLRewriter().on("p", { element(p) { p.append(text); } });
    return add("1").transform(add("2").transform(html("<p></p>"))).text();
  },
  "/used": async () => { const used = html("x"); await used.text(); return new HTMLRewriter().transform(used).text(); },
  "/broken": async () => {
    let at = 0;
    const body = new ReadableStream({ pull(to) { if (at++ === 0) to.enqueue(bytes("<p>")); else to.error(new Error("broken")); } });
    return new HTMLRewriter().on("p", { element() {} }).transform(new Response(body)).text();
  },
  "/response-as-content": async () => element("<p>a</p>", (p) => { p.append(new Response("<r>"), { html: true }); }),
  "/stream-as-content": async () => element("<p>a</p>", (p) => { p.replace(new Response("<r>").body); }),
  "/wrong": async () => each({
    nothing: () => new HTMLRewriter().on(), handlers: () => new HTMLRewriter().on("p"), type: () => new HTMLRewriter().on("p", { element: 1 }),
    response: () => new HTMLRewriter().transform(), text: () => new HTMLRewriter().transform("x"), request: () => new HTMLRewriter().transform(new Request("http://a/")),
  }),
  "/headers-can-be-changed": async () => { const after = new HTMLRewriter().transform(html("a")); after.headers.set("x", "y"); return after.headers; },
`),
};
