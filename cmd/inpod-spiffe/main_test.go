package main_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/signature"
	"github.com/sluice-ci/sluice/internal/results/verify"
	"github.com/sluice-ci/sluice/internal/spiffe"
	"github.com/sluice-ci/sluice/test/testutil/workloadapi"
)

const (
	domain   = "example.org"
	identity = "/ns/ci/taskrun/build"
	// deadline is how long a test waits for something that must happen.
	deadline = time.Minute
)

// binary is the path of the program, built as in a release.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "inpod-spiffe")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir) //nolint:errcheck // the next run uses another folder
		binary = filepath.Join(dir, "inpod-spiffe")
		build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "cannot build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// pod has the directories of a pod and a node with a Workload API. Its containers are processes.
type pod struct {
	t      *testing.T
	dir    string
	socket string
	steps  int
	log    []byte
}

func newPod(t *testing.T, attest workloadapi.Attest) *pod {
	t.Helper()
	authority, err := workloadapi.NewAuthority(domain, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	p := &pod{t: t, dir: t.TempDir()}
	p.socket = "unix://" + filepath.Join(p.dir, "agent.sock")
	server, err := workloadapi.Serve(filepath.Join(p.dir, "agent.sock"), authority, attest)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	if err := os.Mkdir(filepath.Join(p.dir, "results"), 0o777); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pod) runDir(i int) string { return filepath.Join(p.dir, "run", strconv.Itoa(i)) }

func (p *pod) declared() []results.File {
	var files []results.File
	for _, name := range []string{"digest", "notes", "more"} {
		files = append(files, results.File{
			Declared: results.Declared{Name: name, Type: results.TypeString},
			Path:     filepath.Join(p.dir, "results", name),
		})
	}
	return files
}

func (p *pod) resultArgs() []string {
	var args []string
	for _, f := range p.declared() {
		args = append(args, "-result", f.String())
	}
	return args
}

// step runs a script as the next step of the pod and waits until it ends.
func (p *pod) step(script string) *pod {
	p.t.Helper()
	i := p.steps
	p.steps++
	if err := os.MkdirAll(p.runDir(i), 0o777); err != nil {
		p.t.Fatal(err)
	}
	args := []string{"entrypoint", "-step", fmt.Sprint("step-", i), "-run", p.runDir(i), "-sign-socket", p.socket, "-sign-identity", identity,
		"-sign-namespace", "ci", "-sign-taskrun", "build", "-sign-uid", "1111", "-sign-nonce", "n0nce"}
	if i > 0 {
		args = append(args, "-after", p.runDir(i-1))
	}
	args = append(append(args, p.resultArgs()...), "--", "/bin/sh", "-c", script)
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = p.dir
	if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() < 0 {
		p.t.Fatalf("step %d: %v\n%s", i, err, out)
	}
	return p
}

// sidecar runs the results sidecar and keeps its log.
func (p *pod) sidecar() *pod {
	p.t.Helper()
	args := append([]string{"results", "-nonce", "n0nce", "-run-dir", filepath.Join(
		p.dir,
		"run",
	), "-results-dir", filepath.Join(p.dir, "results"),
		"-max-result-size", "1000000", "-signatures"}, p.resultArgs()...)
	for _, step := range p.stepNames() {
		args = append(args, "-step", step)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), deadline)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, args...).Output()
	if err != nil {
		p.t.Fatal(err)
	}
	p.log = out
	return p
}

func (p *pod) stepNames() []string {
	var names []string
	for i := range p.steps {
		names = append(names, fmt.Sprint("step-", i))
	}
	return names
}

// judge verifies the log as the controller does, with a trust bundle from the same Workload API.
func (p *pod) judge() verify.Verdict { return p.judgeAfter(func(*collect.Set) {}) }

// judgeAfter is judge with a change to what was read from the log.
func (p *pod) judgeAfter(change func(*collect.Set)) verify.Verdict {
	p.t.Helper()
	want := verify.Want{
		Run: signature.Run{Namespace: "ci", Name: "build", UID: "1111"}, Nonce: "n0nce", Steps: p.stepNames(), Identity: identity,
		Since: time.Now().Add(-deadline), Now: time.Now(),
	}
	for _, f := range p.declared() {
		want.Results = append(want.Results, f.Declared)
	}
	set, err := collect.ReadFinished(bytes.NewReader(p.log),
		collect.Want{Nonce: "n0nce", Steps: want.Steps, Results: want.Results, Signatures: true})
	if err != nil {
		p.t.Fatal(err)
	}
	change(set)
	return verify.Results(set, want, p.trust())
}

func (p *pod) trust() verify.Trust {
	p.t.Helper()
	trust := spiffe.NewBundleSource(p.socket, logr.Discard())
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- trust.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-ended; err != nil {
			p.t.Error(err)
		}
	}()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	end := time.After(deadline)
	for {
		name, bundle, err := trust.Authorities()
		if err == nil {
			return verify.Trust{Domain: name, Bundle: bundle}
		}
		select {
		case <-tick.C:
		case <-end:
			p.t.Fatal(err)
		}
	}
}

// TestSignedResults runs steps that sign, sends their results through a log, and verifies them, with the programs and
// protocols of a real pod and controller.
func TestSignedResults(t *testing.T) {
	const write = "printf sha256:2c26 > results/digest"
	all := workloadapi.AnyProcess(identity)
	cases := map[string]struct {
		reason string
		attest workloadapi.Attest
		steps  []string
		want   verify.Reason
		names  []string
	}{
		"Untouched": {
			reason: "Nobody touches what another step left.",
			attest: all,
			steps:  []string{write, "printf x > results/notes", "cat results/digest"},
			names:  []string{"2 results"},
		},
		"NothingLeft": {
			reason: "A result that nobody writes is signed by nobody.",
			attest: all,
			steps:  []string{"true"},
			names:  []string{"0 results"},
		},
		"Rewritten": {
			reason: "A later step rewrites the file.",
			attest: all,
			steps:  []string{write, "printf evil > results/digest"},
			want:   verify.ResultChanged,
			names:  []string{"digest", "step-0", "step-1"},
		},
		"Appended": {
			reason: "Or adds to it.",
			attest: all,
			steps:  []string{write, "true", "echo >> results/digest"},
			want:   verify.ResultChanged,
			names:  []string{"digest", "step-0", "step-2"},
		},
		"PutBack": {
			reason: "A step between two others changes it, and the last one puts it back.",
			attest: all,
			steps:  []string{write, "printf evil > results/digest", write},
			want:   verify.ResultChanged,
			names:  []string{"digest", "step-1"},
		},
		"Replaced": {
			reason: "Or puts another file in its place.",
			attest: all,
			steps:  []string{write, "rm results/digest; printf evil > new; mv new results/digest"},
			want:   verify.ResultChanged,
			names:  []string{"digest", "step-1"},
		},
		"Deleted": {
			reason: "Or deletes it.",
			attest: all,
			steps:  []string{write, "rm results/digest"},
			want:   verify.ResultMissing,
			names:  []string{"digest", "step-0"},
		},
		"SameAgain": {
			reason: "To write the same once more changes nothing.",
			attest: all,
			steps:  []string{write, write},
		},
		"TooLarge": {
			reason: "What cannot be carried is signed as that.",
			attest: all,
			steps:  []string{"head -c 1000001 /dev/zero > results/notes"},
			names:  []string{"0 results"},
		},
		"TooLargeTwice": {
			reason: "And made anew by a later step it is that step's.",
			attest: all,
			steps:  []string{"mkdir results/notes", "rmdir results/notes; printf x > results/notes"},
			names:  []string{"1 results"},
		},
		"Failed": {
			reason: "A step that fails signs that, and those after it that they were skipped.",
			attest: all,
			steps:  []string{write + "; exit 3", "true"},
		},
		"SignatureDeleted": {
			reason: "Here the directories of all steps can be written to, which they cannot in a pod.",
			attest: all,
			steps:  []string{write, "rm run/0/signature"},
			want:   verify.SignatureMissing,
			names:  []string{"step-0"},
		},
		"SignatureReplaced": {
			reason: "Noise in the place of a signature.",
			attest: all,
			steps:  []string{write, "echo x > run/0/signature"},
			want:   verify.SignatureMissing,
			names:  []string{"step-0", "malformed"},
		},
		"SignatureCopied": {
			reason: "A step passes off another's signature.",
			attest: all,
			steps:  []string{write, "true", "cp run/1/signature run/0/signature"},
			want:   verify.OtherRun,
			names:  []string{"step-0", "step-1"},
		},
		"Identities": {
			reason: "A pod may have other identities besides.",
			attest: workloadapi.AnyProcess("/other", identity),
			steps:  []string{write},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, tc.attest)
			for _, script := range tc.steps {
				p.step(script)
			}
			got := p.sidecar().judge()
			if got.Reason != tc.want {
				t.Fatalf("%s\ngot %+v, want %q", tc.reason, got, tc.want)
			}
			for _, part := range tc.names {
				if !strings.Contains(got.Message, part) {
					t.Errorf("%s\nmessage %q lacks %q", tc.reason, got.Message, part)
				}
			}
		})
	}
}

// TestSignedProblem: a step also signs a result that cannot be sent, so that a later step cannot hide the problem.
func TestSignedProblem(t *testing.T) {
	for name, script := range map[string]string{
		"TooLarge": "head -c 1000001 /dev/zero > results/notes", "NotUTF8": `printf '\377' > results/notes`,
		"Directory": "mkdir results/notes", "Link": "ln -s /etc/passwd results/notes", "FIFO": "mkfifo results/notes",
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, workloadapi.AnyProcess(identity)).step("printf x > results/digest").step(script).sidecar()
			if got := p.judge(); !got.Verified() {
				t.Errorf("with the problem it is what the steps signed: got %+v", got)
			}
			got := p.judgeAfter(func(set *collect.Set) { set.Problems = nil })
			if got.Reason != verify.ResultMissing || !strings.Contains(got.Message, "notes") {
				t.Errorf("the problem was taken away: got %+v", got)
			}
		})
	}
}

// TestLateIdentity: the identity of a pod reaches its node shortly after the pod starts.
func TestLateIdentity(t *testing.T) {
	var asked atomic.Int32
	p := newPod(t, func(context.Context, int) ([]string, error) {
		if asked.Add(1) < 4 {
			return nil, errors.New("no identity issued")
		}
		return []string{identity}, nil
	})
	if got := p.step("printf x > results/notes").sidecar().judge(); !got.Verified() {
		t.Errorf("the step asks again until it has one, got %+v", got)
	}
}

// TestStreamWithoutSignatures: a reader without support for signatures reads a signed stream like any other.
func TestStreamWithoutSignatures(t *testing.T) {
	p := newPod(t, workloadapi.AnyProcess(identity)).step("printf x > results/notes").sidecar()
	set, err := collect.ReadFinished(bytes.NewReader(p.log), collect.Want{Nonce: "n0nce", Steps: p.stepNames(),
		Results: []results.Declared{{Name: "notes", Type: results.TypeString}}})
	if err != nil || len(set.Results) != 1 || set.Signatures != nil {
		t.Errorf("one result, and nothing of signatures: got %+v, %v", set, err)
	}
}

// TestCost prints how many bytes signatures take in the log, and checks the figures of docs/signed-results.md.
func TestCost(t *testing.T) {
	length := func(n, steps int) int {
		p := newPod(t, workloadapi.AnyProcess(identity))
		script := ""
		for _, name := range []string{"digest", "notes", "more"}[:n] {
			script += "printf x > results/" + name + ";"
		}
		for range steps {
			p.step(script + "true")
		}
		total := 0
		for line := range bytes.Lines(p.sidecar().log) {
			if bytes.Contains(line, []byte(" ?certificate ")) || bytes.Contains(line, []byte(" ?signature ")) {
				total += len(line)
			}
		}
		return total
	}
	one, three, twoSteps := length(1, 1), length(3, 1), length(1, 2)
	perResult, perStep := (three-one)/2, twoSteps-one
	certificate := one - perStep - perResult
	t.Logf("certificate %d bytes, each step %d, each result %d", certificate, perStep, perResult)
	if certificate > 1100 || perStep > 800 || perResult > 160 {
		t.Errorf("docs/signed-results.md promises less: certificate %d, step %d, result %d", certificate, perStep, perResult)
	}
}
