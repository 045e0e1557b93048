//go:build e2e

package e2e

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// hostileFile is something that a step creates at the path of a result.
type hostileFile struct {
	name, reason string
	// step is the index of the step that runs script. In the script, $r is the path of the result.
	step   int
	script string
	// kind is the problem that the sidecar reports. It is empty if the result arrives, with the value "x".
	kind frame.ProblemKind
}

// hostileFiles are those that a step alone can create. The tests of the sidecar's package cover files that change while they
// are read, because they can control the timing.
func hostileFiles() []hostileFile {
	return []hostileFile{
		{
			name:   "first",
			reason: "a result before all others arrives",
			script: `printf x > $r`,
		},
		{
			name:   "ten-gib",
			reason: "10 GiB cost no more than a name",
			script: `truncate -s 10G $r`,
			kind:   frame.TooLarge,
		},
		{
			name:   "sparse",
			reason: "what is read counts, not what the disk holds",
			script: `truncate -s 4097 $r`,
			kind:   frame.TooLarge,
		},
		{
			name:   "growing",
			reason: "a file that grew until the step ended is what it is then",
			script: `(while :; do printf 0123456789012345678901234567890123456789 >> $r; done) & while [ ! -e $r ] ` +
				`|| [ $(wc -c < $r) -le 4096 ]; do :; done; kill $!; wait $! || :`,
			kind: frame.TooLarge,
		},
		{
			name:   "fifo",
			reason: "nobody may ever write to a FIFO",
			script: `mkfifo $r`,
			kind:   frame.NotRegular,
		},
		{
			name:   "socket",
			reason: "a socket cannot be read",
			script: `ln -s $r /dev/log; syslogd -O /dev/null; while [ ! -S $r ]; do :; done`,
			kind:   frame.NotRegular,
		},
		{
			name:   "device",
			reason: "a device may never end",
			script: `mknod -m 666 $r c 1 5`,
			kind:   frame.NotRegular,
		},
		{
			name:   "directory",
			reason: "a directory is no value",
			script: `mkdir $r; printf x > $r/x`,
			kind:   frame.NotRegular,
		},
		{
			name:   "link-out",
			reason: "a link may lead to a secret",
			script: `ln -s /etc/passwd $r`,
			kind:   frame.NotRegular,
		},
		{
			name:   "link-loop",
			reason: "a link may lead to itself",
			script: `ln -s $r $r`,
			kind:   frame.NotRegular,
		},
		{
			name:   "umask-077",
			reason: "the sidecar is another user, and reads it all the same",
			script: `(umask 077; printf x > $r)`,
		},
		{
			name:   "mode-000",
			reason: "so it does when only the step's user may",
			script: `printf x > $r; chmod 0 $r`,
		},
		{
			name:   "Odd.name_1-x",
			reason: "any name that is allowed does",
			script: `printf x > $r; printf y > "$(dirname $r)/$(printf '~sluice/1 a\n0 *?')" 2>/dev/null || printf ` +
				`y > "$(dirname $r)/$(printf 'a\nb *?')"`,
		},
		{
			name:   "replaced",
			reason: "what counts is the file that has the name in the end",
			script: `printf y > $r; printf x > $r.new; mv $r.new $r`,
		},
		{
			name:   "not-utf8",
			reason: "what no API string can hold is refused, not altered",
			script: `printf 'a\377b' > $r`,
			kind:   frame.NotUTF8,
		},
		{
			name:   "deleted",
			reason: "what was there and is gone is not what was never there",
			script: `printf x > $r`,
			kind:   frame.Missing,
		},
		{
			name:   "deleted",
			step:   1,
			script: `rm $r`,
			kind:   frame.Missing,
		},
		{
			name:   "owned-by-another",
			reason: "what nobody may read, and the step cannot change, is told",
			step:   2,
			script: `printf x > $r; chmod 0 $r; chown 4242 $r`,
			kind:   frame.Unreadable,
		},
		{
			name:   "last",
			reason: "a result after all others arrives",
			step:   2,
			script: `printf x > $r`,
		},
	}
}

// hostileTask returns a Task whose steps create all hostile files.
func hostileTask() v1.TaskSpec {
	task := v1.TaskSpec{}
	scripts := make([]string, 3)
	for _, f := range hostileFiles() {
		if f.reason != "" {
			task.Results = append(task.Results, kube.Result(f.name, v1.TypeString))
		}
		scripts[f.step] += fmt.Sprintf("r=$(results[\"%s\"].path)\n%s\n", f.name, f.script)
	}
	task.Steps = []v1.Step{kube.Script("make", scripts[0]), kube.Script("delete", scripts[1]), kube.Script("give-away", scripts[2])}
	// Without these capabilities, neither root nor the entrypoint can change a file of another owner.
	task.Steps[2].SecurityContext = &corev1.SecurityContext{
		Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"FOWNER", "DAC_OVERRIDE"}},
	}
	return task
}

// TestHostileFiles: on a real kubelet, every hostile file at the path of a result is named, all other results arrive, the
// sidecar needs little memory, and it ends with the steps.
func TestHostileFiles(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 4096)
	run, peak := watched(t, n, hostileTask())
	wantHostileNamed(t, run)
	p := n.AwaitPodEnd(t, run)
	want := map[string]string{}
	for _, f := range hostileFiles() {
		want[f.name] = string(cmp.Or(f.kind, "whole"))
	}
	if diff := gocmp.Diff(want, emitted(t, n, p)); diff != "" {
		t.Errorf("the sidecar's report about each result (-want +got):\n%s", diff)
	}
	wantLittleMemory(t, peak)
	wantPromptEnd(t, p)
}

// TestHostileFilesInMessages is the same test for results in the steps' termination messages.
func TestHostileFilesInMessages(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.TerminationMessage, 4096)
	wantHostileNamed(t, n.Task(t, hostileTask()))
}

// wantHostileNamed fails the test unless the run failed, its message names each invalid file, and all other results are in
// the status.
func wantHostileNamed(t *testing.T, run *v1.TaskRun) {
	t.Helper()
	c := run.Status.Condition()
	suite.WantFailed(t, c, v1.TaskRunReasonResultTooLarge) // the reason of the first file
	for _, f := range hostileFiles() {
		if f.kind != "" && !strings.Contains(c.Message, `"`+f.name+`"`) {
			t.Errorf("%s: the message does not name %q: %s", f.reason, f.name, c.Message)
		}
		if v, there := kube.Values(run)[f.name]; there != (f.kind == "") || there && v.String != "x" {
			t.Errorf("%s: result %q is %q in the status", f.reason, f.name, v.String)
		}
	}
}

// emitted returns the report about each result in the log of a pod's results sidecar. The log must be complete.
func emitted(t *testing.T, n *suite.Namespace, p *corev1.Pod) map[string]string {
	t.Helper()
	log, err := n.Kube.CoreV1().Pods(n.Name).GetLogs(p.Name, &corev1.PodLogOptions{Container: podpaths.ResultsContainer}).Stream(t.Context())
	if err != nil {
		t.Fatalf("cannot read the log of the results sidecar: %v", err)
	}
	defer log.Close()
	r := frame.NewReader(log, nonceOf(t, p), frame.Limits{})
	told := map[string]string{}
	for {
		rec, err := r.Next()
		switch rec := rec.(type) {
		case frame.Result:
			told[rec.Name] = "whole"
		case frame.Problem:
			told[rec.Result] = string(rec.Kind)
		}
		if errors.Is(err, io.EOF) {
			return told
		}
		if err != nil {
			t.Fatalf("cannot read the stream: %v", err)
		}
	}
}

// wantPromptEnd fails the test unless the results sidecar ended with exit code 0 within a second of the last step. The
// kubelet reports both times in whole seconds.
func wantPromptEnd(t *testing.T, p *corev1.Pod) {
	t.Helper()
	var steps, sidecar time.Time
	for _, s := range p.Status.ContainerStatuses {
		end := s.State.Terminated
		switch {
		case end == nil:
			t.Errorf("container %q has not ended", s.Name)
		case s.Name == podpaths.ResultsContainer:
			sidecar = end.FinishedAt.Time
			if end.ExitCode != 0 {
				t.Errorf("the results sidecar ended with exit code %d (%s)", end.ExitCode, end.Reason)
			}
		case end.FinishedAt.After(steps):
			steps = end.FinishedAt.Time
		}
	}
	if late := sidecar.Sub(steps); late > 2*time.Second {
		t.Errorf("the results sidecar ended %v after the last step", late)
	}
}
