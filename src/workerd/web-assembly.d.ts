// What we use of a global that neither Node's types nor the libraries of our tsconfig declare.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: NodeJS.ArrayBufferView | ArrayBuffer);
  }
}
