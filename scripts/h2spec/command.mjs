// What h2specd runs for each case: `node command.mjs DESK_PORT URL`. Hands the URL's port to the desk, and ends with its answer.
import { connect } from 'node:net';

const [, , desk, url] = process.argv;
const socket = connect(Number(desk), '127.0.0.1');
socket.on('error', () => process.exit(1));
socket.resume();
socket.write(new URL(url).port);
