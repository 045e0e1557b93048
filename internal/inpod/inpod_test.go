package inpod_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sluice-ci/sluice/internal/inpod"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

func TestUsage(t *testing.T) {
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"NoRole": {
			code: 2,
			says: "the role is missing",
		},
		"UnknownRole": {
			args: []string{"sing"},
			code: 2,
			says: `"sing"`,
		},
		"CopyNothing": {
			args: []string{"copy"},
			code: 2,
			says: "one file",
		},
		"NoStep": {
			args: []string{"entrypoint", "-run", "/run", "--", "true"},
			code: 2,
			says: "-step",
		},
		"NoRun": {
			args: []string{"entrypoint", "-step", "s", "--", "true"},
			code: 2,
			says: "-run",
		},
		"NoCommand": {
			args: []string{"entrypoint", "-step", "s", "-run", "/run"},
			code: 2,
			says: "command",
		},
		"ScriptAlone": {
			args: []string{"entrypoint", "-step", "s", "-run", "/run", "-script", "x", "--", "true"},
			code: 2,
			says: "-script-path",
		},
		"OnError": {
			args: []string{"entrypoint", "-step", "s", "-run", "/run", "-on-error", "sing", "--", "true"},
			code: 2,
			says: `"sing"`,
		},
		"NoMessagePath": {
			args: []string{"entrypoint", "-step", "s", "-run", "/run", "-report-results", "--", "true"},
			code: 2,
			says: "-termination-path",
		},
		"NoBudget": {
			args: []string{"entrypoint", "-step", "s", "-run", "/run", "-termination-path", "/m", "--", "true"},
			code: 2,
			says: "-termination-budget",
		},
		"Size": {
			args: []string{"entrypoint", "-step", "s", "-run", "/run", "-max-result-size", "0", "--", "true"},
			code: 2,
			says: "-max-result-size",
		},
		"Result": {
			args: []string{"entrypoint", "-step", "s", "-run", "/run", "-result", "a=/b", "--", "true"},
			code: 2,
			says: "NAME:TYPE=PATH",
		},
		"NoNonce": {
			args: []string{"results"},
			code: 2,
			says: "nonce",
		},
		"Help": {
			args: []string{"results", "-help"},
			says: "-nonce",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out, err bytes.Buffer
			if code := inpod.Main(append([]string{"inpod"}, tc.args...), &out, &err); code != tc.code {
				t.Errorf("exit code %d, want %d", code, tc.code)
			}
			if out.Len() != 0 || !strings.Contains(err.String(), tc.says) {
				t.Errorf("output %q, errors %q, want the latter to say %q", &out, &err, tc.says)
			}
		})
	}
}

func TestCopy(t *testing.T) {
	p := newPod(t, 0)
	must(t, os.WriteFile(p.path("copy"), []byte("old"), 0o600))
	old := syscall.Umask(0o077)
	c := p.start("copy", p.path("copy"))
	syscall.Umask(old)
	c.exit(0)
	want, err := os.ReadFile(binary)
	if err != nil || p.read("copy") != string(want) {
		t.Errorf("the copy is another file, error %v", err)
	}
	if info, err := os.Stat(p.path("copy")); err != nil || info.Mode() != 0o755 {
		t.Errorf("the copy has mode %v, error %v", info.Mode(), err)
	}
	c = p.start("copy", p.path("absent", "copy"))
	c.exit(1)
	c.complained("cannot copy", "absent")
	must(t, os.Mkdir(p.path("dir"), 0o700))
	p.start("copy", p.path("dir")).exit(1)
	if left, err := filepath.Glob(p.path(".inpod-*")); err != nil || len(left) > 0 {
		t.Errorf("a part of a copy is left: %v, error %v", left, err)
	}
}

// A user's sidecar whose command ends stays until it is stopped, and records how the command ended.
func TestStay(t *testing.T) {
	for name, tc := range map[string]struct {
		script string
		code   int
		reason frame.Reason
	}{
		"Failed": {script: "exit 3", code: 3, reason: frame.ReasonError}, "Ended": {script: "true", reason: frame.ReasonCompleted},
		"Daemon": {script: "(touch begun; exec sleep 600) & while [ ! -e begun ]; do sleep 0.01; done", reason: frame.ReasonCompleted},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			args := append([]string{"entrypoint", "-stay", "-step", "step-0", "-run", p.runDir(0)}, p.script(tc.script)...)
			c := p.start(args...)
			eventually(t, "the end is recorded", func() bool { return p.exists("run", "0", "out") || p.exists("run", "0", "out.err") })
			p.recorded(0, tc.code, tc.reason)
			c.signal(syscall.SIGTERM)
			c.exit(tc.code)
			c.complained("keeps running until the pod ends", "exit code "+itoa(tc.code))
		})
	}
}

// A user's sidecar that runs is ended by the signal, and need not have a run directory.
func TestStayIsAskedToEnd(t *testing.T) {
	p := newPod(t, 0)
	args := append([]string{"entrypoint", "-stay", "-step", "sidecar-x"},
		p.script("trap 'exit 4' TERM; touch begun; while true; do sleep 0.01; done")...)
	c := p.start(args...)
	eventually(t, "the sidecar begins", func() bool { return p.exists("begun") })
	c.signal(syscall.SIGTERM)
	c.exit(4)
	if strings.Contains(c.stderr.String(), "by itself") {
		t.Errorf("it was asked to end, and says: %s", &c.stderr)
	}
}

func TestStayCannotStart(t *testing.T) {
	p := newPod(t, 1)
	c := p.start("entrypoint", "-stay", "-step", "step-0", "-run", p.runDir(0), "--", "no-such-tool")
	eventually(t, "the end is recorded", func() bool { return p.exists("run", "0", "out.err") })
	p.recorded(0, 127, frame.ReasonStartError)
	c.signal(syscall.SIGINT)
	c.exit(127)
	c.complained("no-such-tool", "keeps running until the pod ends")
}

// As the first process of its container, the entrypoint reaps processes that lost their parent.
func TestOrphansAreReaped(t *testing.T) {
	p := newPod(t, 1)
	must(t, syscall.Mkfifo(p.path("orphan"), 0o600), syscall.Mkfifo(p.path("go"), 0o600))
	c := p.step(0, p.script("sh -c 'read x < orphan &'; touch begun; read line < go"))
	eventually(t, "there is an orphan", func() bool { return p.exists("begun") && len(p.childrenOf(c)) == 2 })
	both := p.childrenOf(c)
	must(t, os.WriteFile(p.path("orphan"), []byte("\n"), 0o600))
	eventually(t, "the orphan is gone", func() bool { return len(p.childrenOf(c)) == 1 })
	if left := p.childrenOf(c); !slices.Contains(both, left[0]) {
		t.Errorf("process %v is none of %v", left, both)
	}
	must(t, os.WriteFile(p.path("go"), []byte("\n"), 0o600))
	c.exit(0)
	p.recorded(0, 0, frame.ReasonCompleted)
}
