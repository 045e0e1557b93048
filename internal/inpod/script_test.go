package inpod_test

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

func itoa(n int) string { return strconv.Itoa(n) }

func atoi(t *testing.T, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	must(t, err)
	return n
}

// noise returns n characters that hardly compress, the same ones each time.
func noise(n int) string {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(b)
	return base64.StdEncoding.EncodeToString(b)[:n]
}

// What a script says is what runs: nothing on the way expands, folds or quotes it.
func TestScripts(t *testing.T) {
	cases := map[string]struct {
		reason, script string
		args           []string
		want           string
		code           int
	}{
		"NoShebang": {
			reason: "A script without interpreter is for the shell.",
			script: "echo a; echo b",
			want:   "a\nb\n",
		},
		"Fails": {
			reason: "It ends at the first command that fails.",
			script: "echo a\nfalse\necho b",
			want:   "a\n",
			code:   1,
		},
		"Shebang": {
			reason: "Its first line says who runs it.",
			script: "#!/bin/cat\nas $$ it $(HOME) is\n",
			want:   "#!/bin/cat\nas $$ it $(HOME) is\n",
		},
		"Arguments": {
			reason: "The step's arguments are the script's.",
			script: `for a; do echo "<$a>"; done`,
			args:   []string{"a b", "", "$(x)", "-script", "--"},
			want:   "<a b>\n<>\n<$(x)>\n<-script>\n<-->\n",
		},
		"Dollars": {
			reason: "Two dollars stay two.",
			script: `a=$$; test "$a" = $$ && echo '$$' "$(echo '$(date)')" '${HOME}'`,
			want:   "$$ $(date) ${HOME}\n",
		},
		"Quotes": {
			reason: "Quotes stay quotes.",
			script: `echo "it's" 'say "x"' \\ "\` + "`" + `"`,
			want:   "it's say \"x\" \\ `\n",
		},
		"Unicode": {
			reason: "Any text goes.",
			script: "echo 'grüße \U0001f600'",
			want:   "grüße \U0001f600\n",
		},
		"NoNewline": {
			reason: "The last line may have no newline.",
			script: "printf x",
			want:   "x",
		},
		"Empty": {reason: "An empty script does nothing."},
		"ManyLines": {
			reason: "Many lines are many lines.",
			script: strings.Repeat(":\n", 50000) + "echo end",
			want:   "end\n",
		},
		"OwnContent": {
			reason: "The file holds the script.",
			script: "#!/bin/sh\ncat \"$0\"",
			want:   "#!/bin/sh\ncat \"$0\"",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			c := p.step(0, p.script(tc.script), tc.args...)
			c.exit(tc.code)
			c.wrote(tc.want)
		})
	}
}

// A script with a megabyte of text that does not compress goes through the arguments, is executed, and finds it intact.
func megabyteScript(t *testing.T) {
	p := newPod(t, 1)
	text := noise(1 << 20)
	flags := p.script("sha256sum <<'END' | cut -c1-64\n" + text + "\nEND\n")
	if pieces := (len(flags) - 2) / 2; pieces < 9 {
		t.Errorf("the script has %d pieces, so that one of them is larger than Linux takes", pieces)
	}
	c := p.step(0, flags)
	c.exit(0)
	c.wrote(fmt.Sprintf("%x\n", sha256.Sum256([]byte(text+"\n"))))
}

func TestScriptFileIsFresh(t *testing.T) {
	p := newPod(t, 1)
	flags := p.script("echo new")
	path := flags[1]
	other := p.path("other")
	must(t, os.WriteFile(other, []byte("precious"), 0o600), os.Symlink(other, path))
	old := syscall.Umask(0o077)
	c := p.step(0, flags)
	syscall.Umask(old)
	c.exit(0)
	c.wrote("new\n")
	if got := p.read("other"); got != "precious" {
		t.Errorf("the script was written through a link: %q", got)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode() != 0o755 {
		t.Errorf("the script has mode %v, error %v", info.Mode(), err)
	}
}

func TestScriptErrors(t *testing.T) {
	cases := map[string]struct {
		reason string
		flags  func(p *pod) []string
		says   string
	}{
		"NoDirectory": {
			reason: "A script needs a place.",
			flags: func(p *pod) []string {
				return []string{"-script-path", p.path("absent", "s"), "-script", p.script("x")[3]}
			},
			says: "absent",
		},
		"Damaged": {
			reason: "A damaged script is not run.",
			flags:  func(p *pod) []string { return []string{"-script-path", p.path("s"), "-script", p.script("x")[3][:10]} },
			says:   "decode",
		},
		"Directory": {
			reason: "A directory in its place is not removed.",
			flags: func(p *pod) []string {
				must(p.t, os.MkdirAll(p.path("s", "x"), 0o700))
				return []string{"-script-path", p.path("s"), "-script", p.script("x")[3]}
			},
			says: "directory not empty",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			c := p.step(0, tc.flags(p))
			c.exit(126)
			c.complained("cannot write script", tc.says)
			p.recorded(0, 126, frame.ReasonStartError)
		})
	}
}
