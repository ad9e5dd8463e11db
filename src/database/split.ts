// Cuts SQL text into its statements, by the rules by which SQLite itself finds their ends.

interface SplitOptions {
  /** `drop` what stands inside of statements, as wrangler does locally: in a CREATE it would stay in the schema for ever. */
  comments?: "keep" | "drop";
}

/** Literals, quoted names, comments, words, numbers, and any other sign by itself; what breaks off ends with the text. */
const TOKENS =
  /'[^']*(?:'|$)|"[^"]*(?:"|$)|`[^`]*(?:`|$)|\[[^\]]*(?:\]|$)|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\d[\w.]*|\S/g;
const TRIGGER = /^(EXPLAIN )?CREATE (TEMP |TEMPORARY )?TRIGGER$/i;
/** `EXPLAIN CREATE TEMP TRIGGER` */
const TRIGGER_WORDS = 4;

/** The statements without their semicolons; comments before and after them are left out. */
export function splitStatements(sql: string, { comments = "keep" }: SplitOptions = {}): string[] {
  const statements: string[] = [];
  let statement = new Statement(sql);
  for (const { 0: token, index } of sql.matchAll(TOKENS)) {
    if (token.startsWith("--") || token.startsWith("/*")) {
      if (comments === "drop") statement.leaveOut(token, index);
    } else if (token === ";" && statement.isWhole()) {
      statements.push(statement.text());
      statement = new Statement(sql);
    } else statement.take(token, index);
  }
  statements.push(statement.text());
  return statements.filter((text) => text !== "");
}

/** One statement while its tokens come in. */
class Statement {
  readonly #sql: string;
  /** The text up to the last comment that was left out. */
  #done = "";
  /** Where what follows in the SQL begins, and where the last token of it ends; -1 before the first token. */
  #from = -1;
  #to = -1;
  #head = "";
  #words = 0;
  #isTrigger = false;
  #last = "";
  #beforeLast = "";

  constructor(sql: string) {
    this.#sql = sql;
  }

  take(token: string, index: number): void {
    if (this.#from < 0) this.#from = index;
    this.#to = index + token.length;
    this.#beforeLast = this.#last;
    this.#last = token;
    if (this.#words >= TRIGGER_WORDS) return;
    this.#words++;
    this.#head = this.#head === "" ? token : `${this.#head} ${token}`;
    this.#isTrigger ||= TRIGGER.test(this.#head);
  }

  leaveOut(comment: string, index: number): void {
    if (this.#from < 0) return;
    // The end of its line still parts the tokens around a `--` comment; those around the other kind need a blank.
    this.#done += this.#sql.slice(this.#from, index) + (comment.startsWith("/*") ? " " : "");
    this.#from = index + comment.length;
  }

  /** Whether a semicolon ends it: a trigger's body has some of its own, and ends with the END that follows one. */
  isWhole(): boolean {
    return !this.#isTrigger || (this.#beforeLast === ";" && this.#last.toUpperCase() === "END");
  }

  text(): string {
    return this.#from < 0 ? "" : (this.#done + this.#sql.slice(this.#from, Math.max(this.#from, this.#to))).trimEnd();
  }
}
