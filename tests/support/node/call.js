// Calls the model `embed` in a pool: no code is generated, gRPC for Node reads the .proto itself. Prints JSON.

const grpc = require("@grpc/grpc-js");
const loader = require("@grpc/proto-loader");

const [address, proto] = process.argv.slice(2);
const { Embed } = grpc.loadPackageDefinition(loader.loadSync(proto, { longs: Number, keepCase: true })).infc.models.embed;
const client = new Embed(address, grpc.credentials.createInsecure());

const tensor = (array) => ({ shape: [2, 3], data: Buffer.from(array.buffer) });
const request = {
  ids: tensor(new BigInt64Array([0n, 5n, 15n, 3n, 3n, 1n])),
  mask: tensor(new Uint8Array([1, 0, 1, 1, 1, 0])),
};

client.waitForReady(Date.now() + 120_000, (unready) => {
  if (unready) throw unready;
  client.Forward(request, (error, { rows, masked } = {}) => {
    if (error) throw error;
    const floats = new Float32Array(new Uint8Array(rows.data).buffer);
    client.Forward({ ids: request.ids }, (refused) => {
      const said = refused ? `${refused.code} ${refused.details}` : "answered";
      console.log(JSON.stringify({ shape: rows.shape, rows: [...floats], masked: [...masked.data], refused: said }));
      client.close();
    });
  });
});
