package termination_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/internal/results/termination"
)

var update = flag.Bool("update", false, "write golden files anew")

// vectorsDir holds one file per message, each with a header that says what every reader must make of it.
const vectorsDir = "../../../test/vectors/termination"

// vector is a message and what is to come out of it.
type vector struct{ comment, message, expect string }

// vectors are all of them, by the names of their files. Those with compressed messages were written by one version of
// the compressor, and are read by all.
func vectors() map[string]vector {
	const record = `{"key":"StartedAt","value":"2026-01-02T03:04:05.123456789Z","type":3},{"key":"FinishedAt",` +
		`"value":"2026-01-02T03:04:06Z","type":3},` +
		`{"key":"ExitCode","value":"0","type":3},{"key":"Reason","value":"Completed","type":3}`
	failed := `{"key":"Step","value":"step-test","type":3},{"key":"ExitCode","value":"2","type":3},{"key":"Reason",` +
		`"value":"Error","type":3},` +
		`{"key":"Message","value":"out of ideas","type":3}`
	problem := `{"key":"Problem","value":"{\"result\":\"sbom\",\"kind\":\"OverBudget\",\"size\":5219,\"limit\":4096}","type":3}`
	value := `{"key":"digest","value":"sha256:2c26b46b\n","type":1}`
	good := func(comment, message string) vector { return vector{comment, message, "whole"} }
	bad := func(comment, message string) vector { return vector{comment, message, "malformed"} }
	return map[string]vector{
		"whole-results": good("A step that completed, with three values.", "["+record+","+value+
			`,{"key":"html","value":"<b>&\u0001\u2028","type":1},{"key":"empty","value":"","type":1}]`),
		"whole-failed":  good("A step that failed, and what it wrote before.", "["+failed+","+value+"]"),
		"whole-problem": good("Results that did not fit.", "["+record+","+problem+"]"),
		"whole-removed": good("Results of earlier steps that this one deleted.", "["+record+
			`,{"key":"Removed","value":"a","type":3},{"key":"Removed","value":"b","type":3}]`),
		"whole-compressed": good("A list that only fits compressed.",
			compressed("["+record+`,{"key":"text","value":"`+strings.Repeat("more of the same; ", 1000)+`","type":1}]`)),
		"whole-least": good("A step of a pod with many containers.",
			`[{"key":"ExitCode","value":"0","type":3},{"key":"Reason","value":"Skipped","type":3}]`),
		"whole-nothing": good("A list that says nothing: who reads it goes by the container's status.", "[]"),
		"whole-unknown-key": good("What a later entrypoint says besides is passed over.", "["+record+
			`,{"key":"Novelty","value":"?","type":3,"more":[]}]`),
		"whole-artifacts": good("A result, and a document of artifacts.", "["+record+","+value+
			`,{"key":"step-build.artifacts","value":"{\"outputs\":[]}","type":5}]`),
		"malformed-artifacts-name": bad("The name of a document of artifacts is never a path.", `[{"key":"../a","value":"{}","type":5}]`),
		"malformed-artifacts-twice": bad("A name is that of a result or of a document, and not of both.",
			`[{"key":"a","value":"{}","type":1},{"key":"a","value":"{}","type":5}]`),
		"malformed-type": bad("What may be a result of a kind that is not known is not passed over.", "["+
			record+`,{"key":"digest","value":"x","type":4}]`),
		"malformed-cut":            bad("The kubelet cut it.", "["+record+","+value[:20]),
		"malformed-cut-compressed": bad("The kubelet cut it.", compressed("[" + record + "," + value + "]")[:100]),
		"malformed-empty":          bad("No message.", ""),
		"malformed-text":           bad("What a program wrote of its own accord.", "out of memory"),
		"malformed-result-twice":   bad("One value must not replace another.", "["+value+","+value+"]"),
		"malformed-reason-twice":   bad("A step ends for one reason.", "["+record+","+failed+"]"),
		"malformed-result-name":    bad("The name of a result is never a path.", `[{"key":"../a","value":"x","type":1}]`),
		"malformed-problem":        bad("A problem says what is wrong with which result.", `[{"key":"Problem","value":"{}","type":3}]`),
		"malformed-time":           bad("Times are RFC 3339.", `[{"key":"StartedAt","value":"yesterday","type":3}]`),
		"malformed-exit-code":      bad("An exit code is a number.", `[{"key":"ExitCode","value":"none","type":3}]`),
		"malformed-trailing":       bad("A message is one list.", "["+record+"][]"),
		"malformed-bomb":           bad("What decompresses to more than 1 MiB is refused.", compressed("["+strings.Repeat(" ", 1<<20)+"]")),
		"malformed-entries":        bad("A list has at most 4096 entries.", compressed("["+strings.Repeat(`{"type":3},`, 4096)+`{"type":3}]`)),
	}
}

// describe is a message in a vector's header.
func describe(m termination.Message) (records []string) {
	at := func(t time.Time) string { return t.Format(time.RFC3339Nano) }
	records = append(records, fmt.Sprintf("step %s %d %s %s %s %q",
		m.Step.Name, m.Step.ExitCode, m.Step.Reason, at(m.Step.StartedAt), at(m.Step.FinishedAt), m.Step.Message))
	for _, r := range m.Results {
		kind := "result"
		if r.Type == results.TypeArtifacts {
			kind = "artifacts"
		}
		records = append(records, fmt.Sprintf("%s %s %d %x", kind, r.Name, len(r.Value), r.SHA256))
	}
	for _, name := range m.Removed {
		records = append(records, "removed "+name)
	}
	for _, p := range m.Problems {
		records = append(records, fmt.Sprintf("problem %s %s %d %d %q", p.Result, p.Kind, p.Size, p.Limit, p.Detail))
	}
	return records
}

// outcome reads a message, and returns the vector that it is.
func (v vector) outcome() (expect string, records []string) {
	m, err := termination.ParseMessage([]byte(v.message))
	if errors.Is(err, termination.ErrMalformed) {
		return "malformed", nil
	}
	return "whole", describe(m)
}

// format is the vector's file.
func (v vector) format(records []string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "comment: %s\n", v.comment)
	for _, r := range records {
		fmt.Fprintf(&b, "record: %s\n", r)
	}
	fmt.Fprintf(&b, "expect: %s\n\n%s", v.expect, v.message)
	return b.Bytes()
}

func TestVectors(t *testing.T) {
	for name, v := range vectors() {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(vectorsDir, name+".txt")
			expect, records := v.outcome()
			if expect != v.expect {
				t.Errorf("%s\nthe outcome is %s, want %s", v.comment, expect, v.expect)
			}
			if *update && !t.Failed() {
				if err := os.WriteFile(path, v.format(records), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatalf("%v; run the test with -update", err)
			}
			_, message, _ := bytes.Cut(file, []byte("\n\n"))
			v.message = string(message) // of the file: the compressor may change
			_, records = v.outcome()
			if diff := cmp.Diff(string(v.format(records)), string(file)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", v.comment, diff)
			}
		})
	}
	files, err := filepath.Glob(filepath.Join(vectorsDir, "*.txt"))
	if err != nil || len(files) != len(vectors()) {
		t.Errorf("there are %d files, want %d: %v", len(files), len(vectors()), err)
	}
}

// What is written is read as it was written, and agrees with its container.
func TestWrittenMessagesAgree(t *testing.T) {
	b, err := termination.EncodeMessage(termination.Message{Step: ended, Results: []frame.Result{result("a", "1")}}, 4096)
	if err != nil {
		t.Fatal(err)
	}
	m, err := termination.ParseMessage(b)
	if err != nil || !m.Agrees(0) || m.Agrees(1) {
		t.Errorf("got %+v, error %v", m, err)
	}
}
