#!/bin/sh
# SPDX-License-Identifier: MIT
# pipeline.sh - a shell pipeline: each step a span, with what it is about as a tag.
#
#     tagalong span nightly -- pipeline.sh WORDS
tagalong tag batch=words
tagalong span sort -k input="$1" -- sort "$1" > sorted
tagalong span count -- uniq -c sorted > counted
tagalong span check -- grep -q missing counted || true
