package ledger

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

func TestLedger(t *testing.T) {
	folder := t.TempDir()
	for range 2 { // a step that is started a second time continues the same ledger
		pen, err := Open(folder, "a-uid", "step-0")
		if err != nil {
			t.Fatal(err)
		}
		value := Of(Wrote, "r", v1.StringValue("text"))
		for _, e := range []Entry{{Event: Started, Attempt: 2}, value, {Event: Ended, Exit: 3}} {
			if err := pen.Write(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	path := filepath.Join(folder, "a-uid_step-0")
	file, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString(`{"event":"ended"`); err != nil {
		t.Fatal(err)
	}
	pod, err := Read(folder, "a-uid")
	if err != nil {
		t.Fatal(err)
	}
	want := []Entry{
		{Event: Started, Attempt: 2},
		{Event: Wrote, Name: "r", Size: 6},
		{Event: Ended, Exit: 3},
	}
	_, want[1].Digest = Digest(v1.StringValue("text"))
	if diff := cmp.Diff(append(want, want...), pod["step-0"], cmpopts.IgnoreFields(Entry{}, "Time")); diff != "" {
		t.Errorf("the read entries differ from the written ones (-want +got):\n%s", diff)
	}
	if n := pod.Count("step-0", Started); n != 2 {
		t.Errorf("the step was started twice, but %d times by its ledger", n)
	}
	if e, ok := pod.Last("step-0", Ended, ""); !ok || e.Exit != 3 {
		t.Errorf("the last end is %+v, %t", e, ok)
	}
	if r := pod.Results(Wrote); len(r) != 1 || r["r"].Size != 6 {
		t.Errorf("the results are %+v", r)
	}
	if first, last := pod.Span(); !first.Before(last) {
		t.Errorf("the ledger spans %s to %s", first, last)
	}
	if err := Forget(folder, "a-uid"); err != nil {
		t.Fatal(err)
	}
	if pod, err := Read(folder, "a-uid"); err != nil || len(pod) != 0 {
		t.Errorf("want no entries of a forgotten pod: %v, %v", pod, err)
	}
}

func TestReadRefusesInvalidLines(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "a_s"), []byte("{}\nno JSON\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(folder, "a"); err == nil {
		t.Error("no error for a line that is not JSON")
	}
}

func TestDigestDependsOnTheType(t *testing.T) {
	_, text := Digest(v1.StringValue(`["a"]`))
	_, list := Digest(v1.ArrayValue("a"))
	if text == list {
		t.Error("an array and its text have the same digest")
	}
}
