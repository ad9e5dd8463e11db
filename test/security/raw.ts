// A bare socket to a port of this machine.
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export function open(port: number): Socket {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Sends this and hears until the other side closes, or there is a whole head and a pause. */
export async function say(port: number, ...parts: string[]): Promise<{ status: number; text: string }> {
  const socket = open(port);
  let text = "";
  const over = new Promise<void>((resolve) => {
    let pause: NodeJS.Timeout | undefined;
    socket.on("data", (data) => {
      text += data;
      clearTimeout(pause);
      pause = setTimeout(resolve, 150);
    });
    socket.on("close", () => resolve());
    setTimeout(resolve, 60_000).unref();
  });
  for (const part of parts) socket.write(part);
  await over;
  socket.destroy();
  return { status: Number(/^HTTP\/1\.\d (\d+)/.exec(text)?.[1] ?? 0), text };
}
