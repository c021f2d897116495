# SPDX-License-Identifier: MIT
# tmux.sh - a terminal in a terminal: keys in, screen out, windows, sizes.
export TMUX_TMPDIR=$PWD SHELL=/bin/sh PS1='@@'
t() { tmux -f /dev/null -L suite "$@"; }
same start t new-session -d -x 80 -y 24 'exec sh'
shows() { t capture-pane -p | grep -q "$1"; }
until_there shows @@
t send-keys 'echo one; stty size' Enter
until_there shows '^24 80'
same screen t capture-pane -p
t send-keys 'clear; cat' Enter
sleep 0.5
t send-keys 'typed' Enter C-c
until_there shows @@
same interrupted t capture-pane -p
t resize-window -x 100 -y 30
t send-keys 'clear; stty size' Enter
until_there shows '^30 100'
is resized '30 100
@@' t capture-pane -p
t split-window -h 'printf split; sleep 100'
until_there bash -c "tmux -L suite capture-pane -p | grep -q split"
is panes '50x30 sh
49x30 sh' t list-panes -F '#{pane_width}x#{pane_height} #{pane_current_command}'
is pipe '1 0' bash -c 'tmux -L suite kill-pane; tmux -L suite display-message -p "#{window_panes} #{session_name}"'
same kill t kill-server
until_there eval '! t list-sessions'
