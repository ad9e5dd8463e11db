// The body of a change: JSON, of a bounded size, and only when it says so. A form of another site cannot send that.
import { ApiRefusal } from "./refusal.js";

/** Nothing stands for an empty object. */
export async function readJsonBody(request: Request, limit: number): Promise<unknown> {
  const type = request.headers.get("content-type")?.split(";", 1)[0]?.trim().toLowerCase();
  if (type !== "application/json") {
    throw new ApiRefusal({
      status: 415,
      code: "BODY_TYPE",
      message: `expected the content type application/json, got ${type?.slice(0, 60) || "none"}`,
      fix: 'send the header "content-type: application/json"',
    });
  }
  const text = await readText(request, limit);
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    throw new ApiRefusal({
      status: 400,
      code: "BODY_INVALID",
      message: "expected a body of JSON, got something else",
      fix: "send JSON in UTF-8",
    });
  }
}

async function readText(request: Request, limit: number): Promise<string> {
  if (Number(request.headers.get("content-length") ?? 0) > limit) throw tooLarge(limit);
  if (request.body === null) return "";
  const parts: Uint8Array[] = [];
  let size = 0;
  // Counted as it comes: a body need not say how long it is.
  for await (const part of request.body) {
    size += part.byteLength;
    if (size > limit) throw tooLarge(limit);
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function tooLarge(limit: number): ApiRefusal {
  return new ApiRefusal({
    status: 413,
    code: "BODY_TOO_LARGE",
    message: `expected a body of at most ${limit} bytes, got more`,
    fix: "send less at once",
    headers: { connection: "close" },
  });
}
