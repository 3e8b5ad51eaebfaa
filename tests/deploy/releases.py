"""Serves a folder on a free port of 127.0.0.1, which it prints first: releases.py FOLDER.

Below /cut/, the last half of each file is missing, though its length is told.
"""

import functools
import http.server
import os
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    def do_GET(self):
        if not self.path.startswith("/cut/") or self.path.endswith("SHA256SUMS"):
            self.path = self.path.replace("/cut/", "/", 1)
            return super().do_GET()
        with open(self.translate_path(self.path.replace("/cut/", "/", 1)), "rb") as file:
            whole = file.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(whole)))
        self.end_headers()
        self.wfile.write(whole[: len(whole) // 2])
        self.close_connection = True

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=os.path.abspath(sys.argv[1])))
print(server.server_address[1], flush=True)
server.serve_forever()
