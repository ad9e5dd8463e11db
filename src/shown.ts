// What may be shown to people, in reasons, errors, logs, lists and pages: URLs, and texts that may hold a secret.

const UNKNOWN = "something else";

/** Origin and path of an http(s) URL: its user, password, query and fragment may be secret, and so may any other text. */
export function shownUrl(text: string): string {
  if (!URL.canParse(text)) return UNKNOWN;
  const { protocol, origin, pathname } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:") return UNKNOWN;
  // A password that begins with digits and holds an unencoded "/" passes for a port and a path: `//me:80/secret@host/`.
  const at = pathname.lastIndexOf("@");
  return at < 0 ? `${origin}${pathname}` : `${protocol}//***${pathname.slice(at)}`;
}

/** Whether it holds anything that `shownUrl` does not show. */
export function hidesAnything(url: string): boolean {
  return !URL.canParse(url) || new URL(url).href !== shownUrl(url);
}

/** The texts to hide: values and their parts (`Bearer <token>`), the longest first; what is too short hides nothing. */
export function secretParts(values: readonly string[]): string[] {
  const parts = values.flatMap((value) => [value, ...value.split(/\s+/)]).filter((part) => part.length >= 4);
  return [...new Set(parts)].sort((one, other) => other.length - one.length);
}

export function hideSecrets(text: string, secrets: readonly string[]): string {
  return secrets.reduce((shown, secret) => shown.replaceAll(secret, "***"), text);
}
