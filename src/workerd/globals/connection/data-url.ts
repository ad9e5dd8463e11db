// `data:` URLs, which fetch answers by itself.
import { native } from "../../native.js";

export function readDataUrl(url: string): { type: string; bytes: Uint8Array } {
  const [, head = "", data = ""] = /^data:([^,]*),([^#]*)/i.exec(url) ?? [];
  const isBase64 = /;\s*base64\s*$/i.test(head);
  const type = head.replace(/;\s*base64\s*$/i, "").trim();
  const percentDecoded = native.Buffer.from(
    data.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    "latin1",
  );
  const bytes = isBase64 ? native.Buffer.from(percentDecoded.toString("latin1"), "base64") : percentDecoded;
  return { type: type === "" || type.startsWith(";") ? `text/plain${type || ";charset=US-ASCII"}` : type, bytes };
}
