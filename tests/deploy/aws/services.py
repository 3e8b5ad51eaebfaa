"""What a machine at AWS finds around it, for the test that boots one: run in a network that has the addresses below.

Serves the metadata of the machine (IMDSv2 alone), Secrets Manager to who has the role's credentials, the package, and the address
that CloudFormation listens on. Arguments: the folder with tls.crt, tls.key, token and steps-server.deb; what is told to
CloudFormation is written there, to `told`.
"""

import http.server
import json
import os
import ssl
import sys
import threading

METADATA, OUTSIDE = "169.254.169.254", "203.0.113.1"
FOLDER = sys.argv[1]
SESSION, ROLE = "metadata-session", "steps-role"
CREDENTIALS = {
    "Code": "Success",
    "Type": "AWS-HMAC",
    "AccessKeyId": "ASIAROLE",
    "SecretAccessKey": "role-secret",
    "Token": "role-session",
    "LastUpdated": "2026-11-26T00:00:00Z",
    "Expiration": "2099-01-01T00:00:00Z",
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b""):
        body = body if isinstance(body, bytes) else body.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def log_message(self, *_):
        pass


class Metadata(Handler):
    def do_PUT(self):
        self.answer(200 if self.path == "/latest/api/token" else 404, SESSION)

    def do_GET(self):
        if self.headers.get("X-aws-ec2-metadata-token") != SESSION:
            return self.answer(401)
        base = "/latest/meta-data/iam/security-credentials/"
        if self.path == base:
            return self.answer(200, ROLE)
        if self.path == base + ROLE:
            return self.answer(200, json.dumps(CREDENTIALS))
        return self.answer(404)


class Outside(Handler):
    def do_POST(self):
        asked = json.loads(self.body() or "{}")
        signed = "Credential=ASIAROLE/" in self.headers.get("Authorization", "")
        if not signed or self.headers.get("X-Amz-Security-Token") != "role-session":
            return self.answer(400, json.dumps({"__type": "AccessDeniedException"}))
        if self.headers.get("X-Amz-Target") != "secretsmanager.GetSecretValue" or not asked["SecretId"].startswith("arn:"):
            return self.answer(400, json.dumps({"__type": "ResourceNotFoundException"}))
        with open(f"{FOLDER}/token") as file:
            self.answer(200, json.dumps({"ARN": asked["SecretId"], "Name": "token", "SecretString": file.read().strip()}))

    def do_GET(self):
        if self.path != "/steps-server.deb":
            return self.answer(404)
        with open(f"{FOLDER}/steps-server.deb", "rb") as file:
            self.answer(200, file.read())

    def do_PUT(self):
        told = self.body()
        with open(f"{FOLDER}/told.new", "wb") as file:
            file.write(told)
        os.rename(f"{FOLDER}/told.new", f"{FOLDER}/told")
        self.answer(200)


def serve(address, port, handler, tls=None):
    server = http.server.ThreadingHTTPServer((address, port), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{FOLDER}/tls.crt", f"{FOLDER}/tls.key")
serve(METADATA, 80, Metadata)
serve(OUTSIDE, 443, Outside, context)
print("ready", flush=True)
threading.Event().wait()
