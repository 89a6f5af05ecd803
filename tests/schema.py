#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds JSON to a schema, strictly: members that the schema does not name are wrong here, though readers must bear them.

  tests/schema.py SCHEMA [--lines DEFINITION] FILE    FILE is one object, or with --lines one of that definition a line

Exit status: 0 fine, 1 not, 77 there is no jsonschema to do it with.
"""
import json
import sys

try:
    import jsonschema
except ImportError:
    print("python3-jsonschema is not installed")
    sys.exit(77)


def strict(node):
    if isinstance(node, dict):
        if "properties" in node:
            node["additionalProperties"] = False
        for child in node.values():
            strict(child)
    elif isinstance(node, list):
        for child in node:
            strict(child)


def main(arguments):
    with open(arguments[0], encoding="utf-8") as file:
        schema = json.load(file)
    jsonschema.Draft7Validator.check_schema(schema)
    strict(schema)
    with open(arguments[-1], encoding="utf-8") as file:
        text = file.read()
    objects = [text]
    if arguments[1] == "--lines":
        schema = {"$ref": "#/definitions/" + arguments[2], "definitions": schema["definitions"]}
        objects = text.splitlines()
    errors = 0
    for number, one in enumerate(objects, 1):
        for error in jsonschema.Draft7Validator(schema).iter_errors(json.loads(one)):
            print(f"object {number}: {'/'.join(map(str, error.absolute_path))}: {error.message}")
            errors += 1
    print(f"{len(objects)} objects, {errors} errors")
    return 1 if errors or not objects else 0


sys.exit(main(sys.argv[1:]))
