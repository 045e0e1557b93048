package terminationmessage

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/results/collect"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// gathered is what the controller makes of the message of a step whose container ended with this code.
func gathered(message string, code int32) collect.Progress {
	status := corev1.ContainerStatus{Name: "step-one", State: corev1.ContainerState{
		Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: message},
	}}
	return fromMessages([]corev1.ContainerStatus{status}, &v1.TaskSpec{Steps: []v1.Step{{Name: "one"}}})
}

// entries is a message of a record that has these entries besides its exit code and reason, as pairs.
func entries(code, reason string, pairs ...string) string {
	list := []string{internalEntry("ExitCode", code), internalEntry("Reason", reason)}
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, internalEntry(pairs[i], pairs[i+1]))
	}
	return "[" + strings.Join(list, ",") + "]"
}

func internalEntry(key, value string) string {
	return `{"key":"` + key + `","value":"` + value + `","type":3}`
}

// A process that has the last word in its step's message writes what no entrypoint writes: then the step is lost, with the
// exit code of its container, and no status has what the message says.
func TestRecordsThatCannotBe(t *testing.T) {
	cases := map[string]struct {
		reason  string
		message string
		code    int32
	}{
		"Year10000": {
			reason:  "In UTC it is the year 10000, which the API server refuses for ever.",
			message: entries("0", "Completed", "StartedAt", "9999-12-31T23:59:59-14:00"),
		},
		"Year10000Finished": {
			reason:  "So it is where the step ended.",
			message: entries("0", "Completed", "FinishedAt", "9999-12-31T23:59:59-14:00"),
		},
		"Year0": {
			reason:  "There was no year 0.",
			message: entries("0", "Completed", "StartedAt", "0000-06-01T00:00:00Z"),
		},
		"YearMinus1": {
			reason:  "In UTC it is the year -1, which JSON refuses.",
			message: entries("0", "Completed", "StartedAt", "0000-01-01T00:00:00+14:00"),
		},
		"Year1": {
			reason:  "A time that becomes none when it is rounded.",
			message: entries("0", "Completed", "StartedAt", "0001-01-01T00:00:00.5Z"),
		},
		"Year1969": {
			reason:  "No step ran before 1970.",
			message: entries("0", "Completed", "StartedAt", "1969-12-31T23:59:59Z"),
		},
		"CompletedWithFive": {
			reason:  "What completed ended with 0.",
			message: entries("5", "Completed"),
			code:    5,
		},
		"OtherCode": {
			reason:  "The container ended with another code.",
			message: entries("0", "Completed"),
			code:    5,
		},
		"ContinuedWithFive": {
			reason:  "A step whose failure does not matter ends its container with 0.",
			message: entries("5", "Continued"),
			code:    5,
		},
		"NoReason": {
			reason:  "Without a reason nobody knows how it ended.",
			message: `[{"key":"ExitCode","value":"0","type":3}]`,
		},
		"NoWord": {
			reason:  "A reason is a word.",
			message: entries("0", "It is done"),
		},
		"LongReason": {
			reason:  "Of at most 64 letters.",
			message: entries("0", strings.Repeat("x", 65)),
		},
		"HugeCode": {
			reason:  "A code has 32 bits.",
			message: entries("4294967296", "Error"),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := gathered(tc.message, tc.code)
			if got.Set == nil {
				t.Fatalf("%s\nrefused: %v", tc.reason, got.Err)
			}
			if s := got.Set.Steps[0]; s.Reason != frame.ReasonLost || s.ExitCode != int(tc.code) {
				t.Errorf("%s\ngot %+v", tc.reason, s)
			}
		})
	}
}

// dateTime is what a schema with "format: date-time" takes: RFC 3339.
var dateTime = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})$`)

// FuzzRecordIsAStatus: whatever a message says, what the controller makes of it can be written into a status, and read again
// as the same; and no step has completed whose container failed.
func FuzzRecordIsAStatus(f *testing.F) {
	for _, at := range []string{
		"9999-12-31T23:59:59-14:00", "0000-01-01T00:00:00+14:00", "2026-01-02T03:04:05.6Z", "1970-01-01T00:00:00Z",
		"9999-12-31T23:59:59.999999999Z",
	} {
		f.Add(entries("0", "Completed", "StartedAt", at, "FinishedAt", at), int32(0))
		f.Add(entries("5", "Completed", "FinishedAt", at), int32(5))
	}
	f.Fuzz(func(t *testing.T, message string, code int32) {
		got := gathered(message, code)
		if got.Set == nil {
			return
		}
		s := got.Set.Steps[0]
		if code != 0 && (s.Reason == frame.ReasonCompleted || s.Reason == frame.ReasonContinued || s.ExitCode == 0) {
			t.Errorf("the container ended with %d, and the record is %+v", code, s)
		}
		for _, at := range []metav1.Time{metav1.NewTime(s.StartedAt), metav1.NewTime(s.FinishedAt)} {
			wantRoundTrip(t, at)
		}
	})
}

func wantRoundTrip(t *testing.T, at metav1.Time) {
	t.Helper()
	text, err := json.Marshal(at)
	if err != nil {
		t.Fatalf("%v cannot be written: %v", at, err)
	}
	var again metav1.Time
	if err := json.Unmarshal(text, &again); err != nil || again.Unix() != at.Unix() {
		t.Errorf("%s is read as %v, error %v", text, again, err)
	}
	if at.IsZero() {
		return
	}
	if s := strings.Trim(string(text), `"`); !dateTime.MatchString(s) {
		t.Errorf("the schema refuses %s", s)
	}
}
