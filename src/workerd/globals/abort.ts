// What an abort without a reason says in workerd; the classes stay the platform's own.

let isDone = false;

export function installAbortReason(): void {
  if (isDone) return;
  isDone = true;
  const { abort } = AbortController.prototype;
  const { abort: aborted } = AbortSignal;
  replace(AbortController.prototype, function (this: AbortController, reason: unknown = operationAborted()) {
    return Reflect.apply(abort, this, [reason]);
  });
  replace(AbortSignal, (reason: unknown = operationAborted()) => Reflect.apply(aborted, AbortSignal, [reason]));
}

function operationAborted(): DOMException {
  return new DOMException("The operation was aborted", "AbortError");
}

function replace(owner: object, abort: (reason?: unknown) => unknown): void {
  Object.defineProperty(abort, "name", { value: "abort" });
  Object.defineProperty(owner, "abort", { value: abort, writable: true, configurable: true, enumerable: true });
}
