// The lines of server-sent events, as they come in pieces.

export interface SseMessage {
  type: string;
  data: string;
  id: string;
}

export class SseParser {
  #rest = "";
  #type = "";
  #data: string[] = [];
  #id = "";

  push(text: string): SseMessage[] {
    this.#rest += text;
    const messages: SseMessage[] = [];
    for (let line = this.#nextLine(); line !== null; line = this.#nextLine()) {
      if (line !== "") this.#take(line);
      else if (this.#data.length > 0) messages.push(this.#flush());
      else this.#type = "";
    }
    return messages;
  }

  /** A carriage return at the very end may be half of a line's end. */
  #nextLine(): string | null {
    const end = /\r\n|\n|\r(?!$)/.exec(this.#rest);
    if (end === null) return null;
    const line = this.#rest.slice(0, end.index);
    this.#rest = this.#rest.slice(end.index + end[0].length);
    return line;
  }

  #take(line: string): void {
    const [, field = "", value = ""] = /^([^:]*)(?:: ?([\s\S]*))?$/.exec(line) ?? [];
    if (field === "event") this.#type = value;
    else if (field === "data") this.#data.push(value);
    else if (field === "id" && !value.includes("\0")) this.#id = value;
  }

  #flush(): SseMessage {
    const message = { type: this.#type === "" ? "message" : this.#type, data: this.#data.join("\n"), id: this.#id };
    this.#type = "";
    this.#data = [];
    return message;
  }
}
