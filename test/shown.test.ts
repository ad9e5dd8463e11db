import { describe, expect, it } from "vitest";
import { hideSecrets, secretParts, shownSource, sourceSecrets } from "../src/shown.js";

describe("a source", () => {
  it.each([
    ["/videos/a b?c=d@e.mp4", "/videos/a b?c=d@e.mp4"],
    ["C:\\videos\\a.mp4", "C:\\videos\\a.mp4"],
    ["https://cdn.example/a.mp4", "https://cdn.example/a.mp4"],
    ["https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=7", "https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=7"],
    ["https://www.youtube.com/@channel/videos", "https://www.youtube.com/@channel/videos"],
    ["https://eve:s3cret@cdn.example/a.mp4", "https://***@cdn.example/a.mp4"],
    ["rtsp://eve:s3cret@10.0.0.1/live", "rtsp://***@10.0.0.1/live"],
    ["https://s3crettoken@cdn.example/a.mp4", "https://***@cdn.example/a.mp4"],
    ["http://me:s3cret/x@h/a", "http://***@h/a"],
    ["http://me:80/s3cret@h/a", "http://***@h/a"],
    ["http://me:s3cret?x@h/a?b=c", "http://***@h/a?b=c"],
    ["http://me:s3cret#x@h/a", "http://***@h/a"],
    ["https://h/a?token=s3cret", "https://h/a?token=***"],
    [
      "https://h/a?X-Amz-Signature=s3cret&X-Amz-Date=20260101T000000Z",
      "https://h/a?X-Amz-Signature=***&X-Amz-Date=20260101T000000Z",
    ],
    ["https://h/a?sv=1&sig=s3cret%3D", "https://h/a?sv=1&sig=***"],
    ["https://h/a?s3cret0123456789abcdefgh", "https://h/a?***"],
    ["https://h/a#access_token=s3cret", "https://h/a#access_token=***"],
    ["https://h/a?x=1;password=s3cret", "https://h/a?x=1;password=***"],
    ["http://[", "http://["],
    ["", ""],
  ])("%j is shown as %j", (source, shown) => {
    expect(shownSource(source)).toBe(shown);
    for (const part of shown === source ? [] : ["s3cret"]) expect(sourceSecrets(source).join()).toContain(part);
  });
});

describe("a secret", () => {
  const token = "pl4nted-T0ken/with+odd?chars=0123456789";

  it.each([
    ["as it is", token],
    ["in a header", `Bearer ${token}`],
    ["in a URL", encodeURIComponent(token)],
    ["in JSON", JSON.stringify({ token })],
    ["in base64", Buffer.from(token).toString("base64")],
    ["in base64 for URLs", Buffer.from(token).toString("base64url")],
    ...["", "a", "ab", "user:", "login:"].map((before) => [
      `behind ${before} in base64`,
      Buffer.from(`${before}${token}\n`).toString("base64"),
    ]),
    ["by its beginning", `${token.slice(0, 8)}...`],
    ["by its end", `token ending in ${token.slice(-8)}`],
  ])("is hidden %s", (_, text) => {
    const shown = hideSecrets(`HTTP 403: ${text} is no good`, secretParts([token]));
    expect(shown).toContain("***");
    const middle = Buffer.from(token.slice(9, 18)).toString("base64").slice(0, 10);
    for (const part of [token, token.slice(0, 8), token.slice(-8), encodeURIComponent(token), middle]) {
      expect(shown).not.toContain(part);
    }
  });

  it("hides no more than it has to", () => {
    const secrets = secretParts(["Bearer s3cr3t", "application/json; charset=utf-8", "abc"]);
    expect(hideSecrets("an application of abc", secrets)).toBe("an application of abc");
  });
});
