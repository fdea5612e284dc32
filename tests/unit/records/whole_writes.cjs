// Loaded before s3rver. An S3 server shows an object whole or not at all, and at once when it has answered; s3rver
// 3.7.1 answers while it still writes, under the object's own name. Here everything is written beside and renamed.

const crypto = require("crypto");
const path = require("path");
const { Transform } = require("stream");
const { pipeline } = require("stream/promises");

const server = require.resolve("s3rver", { paths: [process.cwd()] });
const fs = require(require.resolve("fs-extra", { paths: [server] }));
const FilesystemStore = require(path.join(path.dirname(server), "stores", "filesystem.js"));

const { writeFile } = fs;

async function whole(target, write) {
  const beside = `${target}.${crypto.randomUUID()}.part`;
  await write(beside);
  await fs.rename(beside, target);
}

fs.writeFile = (target, data) => whole(target, (beside) => writeFile(beside, data));

FilesystemStore.prototype.putObject = async function (object) {
  const target = this.getResourcePath(object.bucket, object.key, "object");
  const digest = crypto.createHash("md5");
  let size = 0;
  const counted = new Transform({
    transform(chunk, encoding, done) {
      digest.update(chunk, encoding);
      size += chunk.length;
      done(null, chunk);
    },
  });
  await fs.mkdirp(path.dirname(target));
  const source = Buffer.isBuffer(object.content) ? [object.content] : object.content;
  await whole(target, (beside) => pipeline(source, counted, fs.createWriteStream(beside)));
  const md5 = digest.digest("hex");
  await this.putMetadata(object.bucket, object.key, object.metadata, md5);
  return { size, md5 };
};
