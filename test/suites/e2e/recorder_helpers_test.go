//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

const (
	// record is the program of a recorder. It appends each request to a file, before it answers: the header and the body, as a line of
	// base64 each. The folder busy is its lock.
	record = `
mkdir -p /tmp/www/cgi-bin
cat > /tmp/www/cgi-bin/record <<'END'
#!/bin/sh
` + lock + `
{ env | grep -E '^(HTTP_|CONTENT_TYPE)' | base64 -w 0; echo; head -c "$CONTENT_LENGTH" | base64 -w 0; echo; } >> /tmp/requests
rmdir /tmp/busy
printf 'Status: 202 Accepted\r\n\r\n'
END
chmod +x /tmp/www/cgi-bin/record
touch /tmp/requests
exec httpd -f -p 8080 -h /tmp/www
`
	// recorded prints the file.
	recorded = lock + `
cat /tmp/requests
rmdir /tmp/busy
`
	lock         = `until mkdir /tmp/busy 2>/dev/null; do :; done`
	recorderPort = 8080
)

// recorder is a pod that accepts every HTTP request, and records it.
type recorder struct {
	n   *suite.Namespace
	pod *corev1.Pod
}

// startRecorder starts a recorder in a namespace, and waits until it can be reached.
func startRecorder(t *testing.T, n *suite.Namespace) *recorder {
	t.Helper()
	probe := &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(recorderPort)}},
		PeriodSeconds: 1,
	}
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: n.Name, Name: "recorder"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{
				Name: "recorder", Image: kube.StepImage, Command: []string{"sh", "-euc", record}, ReadinessProbe: probe,
			}},
			TerminationGracePeriodSeconds: new(int64(1)),
		},
	}
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	if err := kube.Create(ctx, n.Client, p); err != nil {
		t.Fatal(err)
	}
	err := kube.Await(ctx, n.Client, p, &corev1.PodList{}, func(p *corev1.Pod) bool {
		return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		})
	})
	if err != nil {
		t.Fatalf("the recorder is not ready: %v", err)
	}
	return &recorder{n, p}
}

// url returns the address to which requests are sent.
func (r *recorder) url() string {
	return "http://" + net.JoinHostPort(r.pod.Status.PodIP, strconv.Itoa(recorderPort)) + "/cgi-bin/record"
}

// requests returns the requests until now, in their order.
func (r *recorder) requests(ctx context.Context) ([]*http.Request, error) {
	out, err := r.n.Kubectl(ctx, "exec", r.pod.Name, "--", "sh", "-euc", recorded)
	if err != nil {
		return nil, fmt.Errorf("cannot read what was recorded: %w\n%s", err, out)
	}
	var all []*http.Request
	for both := range slices.Chunk(strings.Fields(out), 2) {
		request, err := decodeRequest(ctx, both)
		if err != nil {
			return nil, fmt.Errorf("cannot decode what was recorded: %w", err)
		}
		all = append(all, request)
	}
	return all, nil
}

// decodeRequest decodes the two lines of a request.
func decodeRequest(ctx context.Context, lines []string) (*http.Request, error) {
	if len(lines) != 2 {
		return nil, fmt.Errorf("a request has %d lines, want 2", len(lines))
	}
	header, err := base64.StdEncoding.DecodeString(lines[0])
	if err != nil {
		return nil, err
	}
	body, err := base64.StdEncoding.DecodeString(lines[1])
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "/", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(header)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=") // HTTP_CE_ID=…
		request.Header.Set(strings.ReplaceAll(strings.TrimPrefix(name, "HTTP_"), "_", "-"), value)
	}
	return request, nil
}

// atEnd restores something after a test, whose own context has ended.
func atEnd(t *testing.T, restore func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
	defer cancel()
	if err := restore(ctx); err != nil {
		t.Errorf("cannot restore what the test has changed: %v", err)
	}
}

// awaitEffect waits until a new run shows that a setting is in effect.
func awaitEffect(t *testing.T, n *suite.Namespace, setting string, shows func(*v1.TaskRun) bool) {
	t.Helper()
	poll(t, func(context.Context) error {
		probe := n.Start(t, v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Steps: []v1.Step{kube.Script("none", "true")}}})
		n.Await(t, probe, func(run *v1.TaskRun) bool { return run.Status.Condition() != nil })
		if !shows(probe) {
			return fmt.Errorf("the setting %s has no effect on TaskRun %q", setting, probe.Name)
		}
		return nil
	})
}

// poll calls check until it returns no error.
func poll(t *testing.T, check func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), suite.Patience)
	defer cancel()
	var last error
	if err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		last = check(ctx)
		return last == nil, nil
	}); err != nil {
		t.Fatalf("%v: %v", err, last)
	}
}
