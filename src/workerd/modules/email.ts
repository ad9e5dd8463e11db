// `cloudflare:email` and `cloudflare:workflows`: plain classes. There is nobody here who would send a mail or run a Workflow.

/** As workerd has it outside of an email handler: a record, unchecked. */
export class EmailMessage {
  from: unknown;
  to: unknown;

  constructor(from: unknown, to: unknown, raw: unknown) {
    this.from = from;
    this.to = to;
    Object.assign(this, { "EmailMessage::raw": raw });
  }
}

export class NonRetryableError extends Error {
  constructor(message?: string, name = "NonRetryableError") {
    super(message);
    this.name = name;
  }
}
