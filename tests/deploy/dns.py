"""A name server on 127.0.0.1:53 that answers one name with 127.0.0.1 and no other: dns.py NAME."""

import socket
import struct
import sys

name = b"".join(bytes([len(part)]) + part.encode() for part in sys.argv[1].split(".")) + b"\0"
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
while True:
    query, client = server.recvfrom(512)
    end = query.index(b"\0", 12) + 1
    question = query[12 : end + 4]
    kind = struct.unpack(">H", query[end : end + 2])[0]
    known = query[12:end].lower() == name
    answer = b"\xc0\x0c" + struct.pack(">HHIH4B", 1, 1, 60, 4, 127, 0, 0, 1) if known and kind == 1 else b""
    flags = 0x8180 if known else 0x8183
    server.sendto(query[:2] + struct.pack(">HHHHH", flags, 1, 1 if answer else 0, 0, 0) + question + answer, client)
