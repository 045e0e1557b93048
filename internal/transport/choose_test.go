package transport_test

import (
	"strings"
	"testing"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/transport"
	"github.com/sluice-ci/sluice/internal/transport/sidecarlogs"
	"github.com/sluice-ci/sluice/internal/transport/terminationmessage"
)

func methods() transport.Methods {
	return transport.Methods{
		config.TerminationMessage: terminationmessage.Method{},
		config.SidecarLogs:        sidecarlogs.New(nil, nil),
	}
}

// TestChoose: peers' sidecar was everywhere, for every task (#8448); here a run, its task or the installation chooses.
func TestChoose(t *testing.T) {
	says := func(value string) map[string]string { return map[string]string{v1.AnnotationResultsFrom: value} }
	sidecar, message := config.Flags{ResultsFrom: config.SidecarLogs, ResultsFromPerRun: true}, config.Flags{ResultsFrom: config.TerminationMessage, ResultsFromPerRun: true}
	fixed := config.Flags{ResultsFrom: config.TerminationMessage}
	cases := map[string]struct {
		reason    string
		run, task map[string]string
		flags     config.Flags
		want      config.ResultsFrom
		fails     string
	}{
		"Flag":          {"without annotations the flag decides", nil, nil, sidecar, config.SidecarLogs, ""},
		"Run":           {"a run may ask for the sidecar", says("sidecar-logs"), nil, message, config.SidecarLogs, ""},
		"RunBack":       {"and may do without", says("termination-message"), nil, sidecar, config.TerminationMessage, ""},
		"Task":          {"a task knows what it needs", nil, says("sidecar-logs"), message, config.SidecarLogs, ""},
		"RunOverTask":   {"the run's word is the last", says("termination-message"), says("sidecar-logs"), message, config.TerminationMessage, ""},
		"Unknown":       {"a typo is no choice", says("sidecar-log"), nil, message, "", `"sidecar-log" is not one of "sidecar-logs", "termination-message"`},
		"UnknownOfTask": {"the message says whose it is", nil, says("x"), message, "", "metadata.annotations[sluice.dev/results-from] of the Task"},
		"SwitchedOff":   {"the administrator's word is above the run's", says("sidecar-logs"), nil, fixed, "", "enable-results-from-annotation"},
		"SwitchedSame":  {"who asks for what is the case anyway is not in the way", says("termination-message"), nil, fixed, config.TerminationMessage, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := methods().Choose(tc.run, tc.task, tc.flags)
			if got != tc.want || (err != nil) != (tc.fails != "") {
				t.Fatalf("%s: want %q, got %q, %v", tc.reason, tc.want, got, err)
			}
			if err != nil && !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("%s: want %q in the message, got %q", tc.reason, tc.fails, err)
			}
		})
	}
}

// TestNoResultsNoSidecar: peers put the sidecar into every pod (#8448).
func TestNoResultsNoSidecar(t *testing.T) {
	with := &v1.TaskSpec{Results: []v1.TaskResult{{Name: "r"}}}
	cases := map[string]struct {
		reason string
		spec   *v1.TaskSpec
		flags  config.Flags
		want   config.ResultsFrom
	}{
		"Results":   {"results are carried as was chosen", with, config.Flags{}, config.SidecarLogs},
		"NoResults": {"a task without results carries nothing", &v1.TaskSpec{}, config.Flags{}, config.TerminationMessage},
		"Follow":    {"its end may be followed all the same", &v1.TaskSpec{}, config.Flags{FollowEveryTask: true}, config.SidecarLogs},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := transport.Needed(config.SidecarLogs, tc.spec, tc.flags); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}
