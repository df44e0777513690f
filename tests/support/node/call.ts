// Calls the model `embed` in a pool through the client that ts-proto makes of its .proto. Prints what came back as JSON.

import { credentials, type ServiceError } from "@grpc/grpc-js";

import { EmbedClient, type ForwardRequest, type ForwardResponse } from "./embed";

const SHAPE = [2n, 3n];
const ids = new BigInt64Array([0n, 5n, 15n, 3n, 3n, 1n]);
const mask = new Uint8Array([1, 0, 1, 1, 1, 0]);

const client = new EmbedClient(process.argv[2] ?? "", credentials.createInsecure());
const deadline = (): { deadline: number } => ({ deadline: Date.now() + 120_000 });

function forward(request: ForwardRequest): Promise<ForwardResponse> {
  return new Promise((resolve, reject) => {
    client.waitForReady(deadline().deadline, (unready) => {
      if (unready) return reject(unready);
      client.forward(request, (error: ServiceError | null, response) => (error ? reject(error) : resolve(response)));
    });
  });
}

async function main(): Promise<void> {
  const idsTensor = { shape: SHAPE, data: Buffer.from(ids.buffer) };
  const maskTensor = { shape: SHAPE, data: Buffer.from(mask) };
  const { rows, masked } = await forward({ ids: idsTensor, mask: maskTensor });
  if (!rows || !masked) throw new Error("an output is missing");
  // A copy, because a view of floats begins at a multiple of four bytes.
  const floats = new Float32Array(new Uint8Array(rows.data).buffer);
  const refused: string = await forward({ ids: idsTensor, mask: undefined }).then(
    () => "answered",
    (error: ServiceError) => `${error.code} ${error.details}`,
  );
  const sizes = rows.shape.map(Number);
  console.log(JSON.stringify({ shape: sizes, rows: Array.from(floats), masked: Array.from(masked.data), refused }));
  client.close();
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
