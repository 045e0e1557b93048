package inpod_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

// image is a document with one artifact, and imageValues are its values as a variable has them.
const (
	image       = `{"outputs":[{"name":"image","values":[{"uri":"pkg:oci/a?b=1&c=2","digest":{"sha256":"01"}}]}]}`
	imageValues = `[{"digest":{"sha256":"01"},"uri":"pkg:oci/a?b=1\u0026c=2"}]`
)

// documentDir is the directory of a step's document of artifacts, and documentPath the document.
func (p *pod) documentDir(i int) string { return filepath.Join(p.runDir(i), "artifacts") }

func (p *pod) documentPath(i int) string { return filepath.Join(p.documentDir(i), "provenance.json") }

// document returns the flags of a step with its own document, and with that of the task in the folder of results.
func (p *pod) document(i int) []string {
	return []string{
		"-own-artifacts", p.documentDir(i), fmt.Sprintf("-result=step-%d.artifacts:artifacts=%s", i, p.documentPath(i)),
		"-result=task.artifacts:artifacts=" + p.path("results", "provenance.json"),
	}
}

func artifactsRecord(name, text string) frame.Result {
	return frame.Result{Name: name, Type: results.TypeArtifacts, Value: []byte(text)}
}

// The documents of two steps and of the task leave the pod through the sidecar, byte for byte, whatever the umask of the steps is.
func TestArtifactsThroughSidecar(t *testing.T) {
	p := reachable(t)
	write := func(text, path string) []string { return p.script("umask 077; printf '%s' '" + text + "' > " + path) }
	p.step(0, append(write(image, p.documentPath(0)), p.document(0)...)).exit(0)
	p.step(1, append(write("{}", p.path("results", "provenance.json")), p.document(1)...)).exit(0)
	sidecar := p.startWith(asNobody, "results", "-nonce", "n0nce", "-run-dir", p.path("run"), "-results-dir", p.runDir(0),
		"-results-dir", p.runDir(1), "-results-dir", p.path("results"), "-step", "step-0", "-step", "step-1",
		"-result=task.artifacts:artifacts="+p.path("results", "provenance.json"),
		"-result=step-0.artifacts:artifacts="+p.documentPath(0), "-result=step-1.artifacts:artifacts="+p.documentPath(1))
	sidecar.exit(0)
	want := []frame.Record{
		frame.Intro{Version: 1}, step(0, 0, frame.ReasonCompleted), step(1, 0, frame.ReasonCompleted),
		artifactsRecord("task.artifacts", "{}"), artifactsRecord("step-0.artifacts", image),
		frame.End{Steps: 2, Artifacts: 2, Bytes: int64(len(image) + 2)},
	}
	if diff := cmp.Diff(want, readStream(t, &sidecar.stdout), forget); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// A document obeys the rules of a result: no link, nothing but a file, and the limit of one result.
func TestHostileArtifacts(t *testing.T) {
	cases := map[string]struct {
		reason string
		script string
		want   frame.ProblemKind
	}{
		"Link": {
			reason: "A link would let a step send the file of another.",
			script: "ln -s /etc/passwd %s",
			want:   frame.NotRegular,
		},
		"FIFO": {
			reason: "A pipe would block its reader.",
			script: "mkfifo %s",
			want:   frame.NotRegular,
		},
		"Directory": {
			reason: "A directory is not a document.",
			script: "mkdir %s",
			want:   frame.NotRegular,
		},
		"Large": {
			reason: "A document has the limit of one result.",
			script: "head -c 3001 /dev/zero > %s",
			want:   frame.TooLarge,
		},
		"NotUTF8": {
			reason: "The API holds text.",
			script: `printf '\377' > %s`,
			want:   frame.NotUTF8,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			flags := append(p.script(fmt.Sprintf(tc.script, p.documentPath(0))), p.document(0)...)
			p.step(0, append(flags, "-max-result-size", "3000", "-report-results", "-termination-path", p.path("message"),
				"-termination-budget", "4096")).exit(0)
			got, err := termination.ParseMessage([]byte(p.read("message")))
			if err != nil || len(got.Results) != 0 || len(got.Problems) != 1 || got.Problems[0].Result != "step-0.artifacts" ||
				got.Problems[0].Kind != tc.want {
				t.Errorf("%s\ngot %+v, error %v, want a problem of kind %s", tc.reason, got, err, tc.want)
			}
		})
	}
}

// A document leaves the pod through a termination message as what it is. One that does not fit is a problem, and not cut.
func TestArtifactsInTerminationMessage(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		want termination.Message
	}{
		"Fits": {
			text: image,
			want: termination.Message{
				Step: step(0, 0, frame.ReasonCompleted), Results: []frame.Result{artifactsRecord("step-0.artifacts", image)},
			},
		},
		"TooLarge": {
			text: `{"x":"` + noise(3000) + `"}`,
			want: termination.Message{
				Step:     frame.Step{Reason: frame.ReasonCompleted},
				Problems: []frame.Problem{{Result: "step-0.artifacts", Kind: frame.OverBudget, Limit: 1365}},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 1)
			must(t, os.WriteFile(p.path("text"), []byte(tc.text), 0o600))
			flags := append(p.script("cat text > "+p.documentPath(0)), p.document(0)...)
			p.step(0, append(flags, "-report-results", "-termination-path", p.path("message"), "-termination-budget", "1365")).exit(0)
			got, err := termination.ParseMessage([]byte(p.read("message")))
			if diff := cmp.Diff(tc.want, got, forget, cmpopts.IgnoreFields(frame.Problem{}, "Size")); err != nil || diff != "" {
				t.Errorf("error %v, -want +got:\n%s", err, diff)
			}
		})
	}
}

// A later step finds the values of an artifact in its script and its arguments. What they hold is not substituted again.
func TestArtifactsBetweenSteps(t *testing.T) {
	p := newPod(t, 2)
	must(t, os.WriteFile(p.path("text"), []byte(image), 0o600))
	p.step(0, append(p.script("cat text > "+p.documentPath(0)), p.document(0)...)).exit(0)
	flags := append(p.script(`printf '<%s>' "$1" 'TOKEN-1'`),
		"-reference=TOKEN-1 step-0.artifacts:artifacts="+p.documentPath(0)+" .outputs.image")
	c := p.step(1, flags, "TOKEN-1")
	c.exit(0)
	c.wrote("<" + imageValues + "><" + imageValues + ">")
}

// A step that needs an artifact which is not there does not start, and says what is missing; it never gets empty text.
func TestArtifactsBetweenStepsFail(t *testing.T) {
	cases := map[string]struct {
		reason string
		text   string // "absent" for none
		says   []string
	}{
		"Absent": {
			reason: "A document that was not written is named.",
			text:   "absent",
			says:   []string{"the step did not write it"},
		},
		"OtherName": {
			reason: "The existing artifacts are named.",
			text:   `{"outputs":[{"name":"sbom"}],"inputs":[{"name":"image"}]}`,
			says:   []string{`no artifact "image" in "outputs", only ["sbom"]`},
		},
		"NotJSON": {
			reason: "A file that is no document is an error with its place.",
			text:   "{\n\"outputs\": image}",
			says:   []string{"line 2, column 12", "it must be {"},
		},
		"Empty": {
			reason: "An empty file is no document.",
			text:   "",
			says:   []string{"it ends before the document is complete"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := newPod(t, 2)
			must(t, os.WriteFile(p.path("text"), []byte(tc.text), 0o600))
			command := "cat text > " + p.documentPath(0)
			if tc.text == "absent" {
				command = "true"
			}
			p.step(0, append(p.script(command), p.document(0)...)).exit(0)
			c := p.step(1, []string{"-reference=TOKEN step-0.artifacts:artifacts=" + p.documentPath(0) + " .outputs.image"}, "echo", "TOKEN")
			c.exit(126)
			c.wrote("")
			c.complained(append(tc.says, p.documentPath(0))...)
			if s := p.recorded(1, 126, frame.ReasonStartError); !strings.Contains(s.Message, tc.says[0]) {
				t.Errorf("%s\nmessage: %q", tc.reason, s.Message)
			}
		})
	}
}

// A step that deletes the document of the task, which an earlier step wrote, is reported.
func TestDeletedArtifacts(t *testing.T) {
	p := newPod(t, 2)
	path := p.path("results", "provenance.json")
	report := func(i int) []string {
		message := p.path(fmt.Sprint("message-", i))
		return append(p.document(i), "-report-results", "-termination-path", message, "-termination-budget", "4096")
	}
	p.step(0, append(p.script("echo '{}' > "+path), report(0)...)).exit(0)
	p.step(1, append(p.script("rm "+path), report(1)...)).exit(0)
	first, err := termination.ParseMessage([]byte(p.read("message-0")))
	second, err2 := termination.ParseMessage([]byte(p.read("message-1")))
	if err = errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	if len(first.Results) != 1 || first.Results[0].Name != "task.artifacts" {
		t.Errorf("the first step reports %+v", first.Results)
	}
	if diff := cmp.Diff([]string{"task.artifacts"}, second.Removed); diff != "" {
		t.Errorf("the second step: -want +got:\n%s", diff)
	}
}
