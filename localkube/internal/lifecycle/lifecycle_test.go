package lifecycle

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sluice-ci/sluice/localkube/internal/state"
)

func TestMatches(t *testing.T) {
	old := state.Cluster{APIPort: 6443, NodeLabels: []string{"localkube:a=1", "localkube:b=2"}}
	labels := []string{"localkube:b=2", "localkube:a=1"}
	cases := map[string]struct {
		reason  string
		options Options
		want    string
	}{
		"Same": {reason: "The cluster exists with the requested settings.", options: Options{APIPort: 6443, NodeLabels: labels}},
		"Port": {
			reason:  "A cluster does not change its port: clients have it in their files.",
			options: Options{APIPort: 7443},
			want:    "--api-port 7443",
		},
		"Nodes": {
			reason:  "A cluster does not get or lose its node.",
			options: Options{APIPort: 6443, NodeLabels: labels, APIOnly: true},
			want:    "--api-only=true",
		},
		"MoreNodes": {
			reason:  "A test that needs three nodes proves nothing on one.",
			options: Options{APIPort: 6443, NodeLabels: labels, Nodes: 3},
			want:    "--nodes 3: it was made with --nodes 1",
		},
		"Labels": {
			reason:  "A kubelet gets its labels when it starts.",
			options: Options{APIPort: 6443, NodeLabels: labels[:1]},
			want:    "node labels",
		},
		"Audit": {
			reason:  "A test that reads the log needs one.",
			options: Options{APIPort: 6443, NodeLabels: labels, AuditLog: true},
			want:    "--audit-log=true",
		},
		"Tuning": {
			reason:  "A test would prove nothing if its settings were not in effect.",
			options: Options{APIPort: 6443, NodeLabels: labels, Tuning: state.Tuning{ContainerLogMaxSize: "1Mi"}},
			want:    `--container-log-max-size="1Mi"`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := tc.options.matches(old)
			if (err == nil) != (tc.want == "") || (err != nil && !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("%s\nmatches() = %v, want an error with %q", tc.reason, err, tc.want)
			}
		})
	}
}

func TestExplainShowsTheEndOfTheLog(t *testing.T) {
	dir := state.Dir(t.TempDir())
	if err := dir.Make(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir.Log("etcd"), []byte(strings.Repeat("chatter\n", 100)+"disk full\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	cause := errors.New("cannot start etcd: its log is " + dir.Log("etcd") + ")")
	err := Options{Dir: dir}.explain(cause)
	if !errors.Is(err, cause) || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("the explanation lacks the cause or the log: %v", err)
	}
	if n := strings.Count(err.Error(), "chatter"); n > 20 {
		t.Errorf("the explanation shows %d lines that are not relevant", n)
	}
	if err := (Options{Dir: state.Dir(t.TempDir())}).explain(cause); err == nil {
		t.Error("without a log the cause is lost")
	}
}

func TestDownWithoutACluster(t *testing.T) {
	dir := state.Dir(filepath.Join(t.TempDir(), "none"))
	var out bytes.Buffer
	if err := Down(dir, &out); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out.String(), "nothing is up") {
		t.Errorf("it says %q", out.String())
	}
	left, err := os.ReadDir(filepath.Dir(string(dir)))
	if err != nil || len(left) != 0 {
		t.Errorf("files left behind: %v, %v", left, err)
	}
}

func TestDownDoesNotKillOtherProcesses(t *testing.T) {
	dir := state.Dir(t.TempDir())
	self, err := state.Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	self.Start++ // the number is that of this process, but another process was recorded
	if err := dir.SaveCluster(state.Cluster{APIOnly: true, Supervisor: self}); err != nil {
		t.Fatal(err)
	}
	if err := dir.SaveComponents([]state.Component{{Name: "etcd", Process: self}}); err != nil {
		t.Fatal(err)
	}
	if err := Down(dir, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(string(dir)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still there: %v", err)
	}
}

func TestLookAtACrashedCluster(t *testing.T) {
	dir := state.Dir(t.TempDir())
	components := []state.Component{{Name: "etcd", Process: state.Process{PID: 2}, Since: time.Unix(0, 0)}}
	if err := dir.SaveComponents(components); err != nil {
		t.Fatal(err)
	}
	status := Look(t.Context(), dir, state.Cluster{APIOnly: true, APIPort: 6443})
	if diff := cmp.Diff([]string{"the supervisor does not run"}, status.Problems); diff != "" {
		t.Errorf("problems -want +got:\n%s", diff)
	}
	if status.Problem() == nil {
		t.Error("a crashed cluster has no problem")
	}
	for _, c := range status.Components {
		if c.State != "does not run" || c.PID != 0 {
			t.Errorf("%s has state %q and process %d", c.Name, c.State, c.PID)
		}
	}
}

func TestWriteText(t *testing.T) {
	status := Status{
		API: "https://127.0.0.1:6443", Registry: "127.0.0.1:5001", Kubeconfig: "/k", Node: "localkube is ready",
		Versions: []string{"Kubernetes v1"},
		Components: []Component{
			{Name: "supervisor", PID: 7, State: "running"},
			{Name: "etcd", State: "exited with status 1", Since: time.Date(2030, 1, 2, 3, 4, 5, 0, time.Local)},
		},
	}
	const want = `COMPONENT   PID  SINCE                STATE
supervisor  7    -                    running
etcd        0    2030-01-02 03:04:05  exited with status 1

API server  https://127.0.0.1:6443
registry    127.0.0.1:5001
node        localkube is ready
kubeconfig  /k
version     Kubernetes v1
`
	var out bytes.Buffer
	if err := status.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestConnectNameservers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if servers, files, err := connectNameservers(path); err != nil || len(servers) != 0 || len(files) != 0 {
		t.Errorf("a host without a resolver configuration: %v, %v, %v", servers, files, err)
	}
	if err := os.WriteFile(path, []byte("nameserver 127.0.0.53\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	servers, files, err := connectNameservers(path)
	if err != nil || len(servers) != 1 || len(files) != 1 {
		t.Fatalf("one name server: %v, %v, %v", servers, files, err)
	}
	_ = files[0].Close()
}

func TestLoadNeedsARegistry(t *testing.T) {
	if err := Load(state.Cluster{APIOnly: true}, LoadOptions{}, &bytes.Buffer{}); err == nil {
		t.Error("an image was loaded into a cluster without a node")
	}
}
