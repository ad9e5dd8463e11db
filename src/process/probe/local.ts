// A media file on a disk of this machine.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import type { ByteSource } from "./bytes.js";
import { fileFailure, Refusal, Unreachable } from "./failure.js";

const STREAM_BYTES = 1024 * 1024;

export async function openLocal(path: string): Promise<ByteSource> {
  try {
    // O_NONBLOCK: opening a pipe nobody writes to would otherwise block for ever.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    return await fromHandle(handle, path).catch(async (error) => {
      await handle.close();
      throw error;
    });
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/** Takes the handle over: closing the source closes it. */
export async function fromHandle(handle: FileHandle, path: string): Promise<ByteSource> {
  const stats = await handle.stat();
  if (stats.isDirectory()) throw new Refusal(`a folder, not a file: ${path}`);
  if (!stats.isFile()) throw new Refusal(`a device or pipe, not a file: ${path}`);
  const size = stats.size;

  const readInto = async (buffer: Uint8Array, start: number): Promise<void> => {
    for (let done = 0; done < buffer.length; ) {
      const { bytesRead } = await handle.read(buffer, done, buffer.length - done, start + done).catch((error) => {
        throw fileFailure(error, path);
      });
      if (bytesRead === 0) throw new Unreachable(`${path} became shorter while it was read`);
      done += bytesRead;
    }
  };

  return {
    size,
    remote: false,
    fetch: readInto,
    async *stream() {
      const buffer = new Uint8Array(STREAM_BYTES);
      for (let at = 0; at < size; at += STREAM_BYTES) {
        const part = buffer.subarray(0, Math.min(STREAM_BYTES, size - at));
        await readInto(part, at);
        yield part;
      }
    },
    close: () => handle.close(),
  };
}
