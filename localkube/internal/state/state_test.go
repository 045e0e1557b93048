package state

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestClusterRoundTrip(t *testing.T) {
	dir := Dir(t.TempDir())
	if _, ok, err := dir.LoadCluster(); ok || err != nil {
		t.Fatalf("a cluster in an empty directory: ok=%t, err=%v", ok, err)
	}
	want := Cluster{
		APIPort: 6443, EtcdPort: 2379, RegistryPort: 5000,
		Uplink:      Uplink{Host: netip.MustParsePrefix("198.18.0.1/30"), Node: netip.MustParseAddr("198.18.0.2"), MTU: 1400},
		Nameservers: []netip.Addr{netip.MustParseAddr("::1")},
		Supervisor:  Process{PID: 17, Start: 4711, Boot: "b"},
	}
	if err := dir.SaveCluster(want); err != nil {
		t.Fatal(err)
	}
	got, ok, err := dir.LoadCluster()
	if !ok || err != nil {
		t.Fatalf("the saved cluster was not loaded: ok=%t, err=%v", ok, err)
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Prefix{}, netip.Addr{})); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadClusterRefusesHalfAFile(t *testing.T) {
	dir := Dir(t.TempDir())
	if err := os.WriteFile(dir.Path(clusterFile), []byte(`{"apiPort": 64`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := dir.LoadCluster(); err == nil {
		t.Error("half a state file is loaded as a cluster")
	}
}

func TestComponentsRoundTrip(t *testing.T) {
	dir := Dir(t.TempDir())
	want := []Component{{
		Name:    "etcd",
		Process: Process{PID: 2, Start: 3, Boot: "b"},
		Since:   time.Unix(1, 0).UTC(),
		Ended:   "exited with status 1",
	}}
	if err := dir.SaveComponents(want); err != nil {
		t.Fatal(err)
	}
	got, err := dir.LoadComponents()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestDefaultDir(t *testing.T) {
	cases := map[string]struct {
		reason string
		xdg    string
		want   Dir
	}{
		"StateHome": {reason: "The XDG specification's variable comes first.", xdg: "/s", want: "/s/localkube"},
		"Home":      {reason: "Without it, the default that the specification gives.", want: "/h/.local/state/localkube"},
		"Relative":  {reason: "The specification says that relative paths are to be ignored.", xdg: "s", want: "/h/.local/state/localkube"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Setenv("XDG_STATE_HOME", tc.xdg)
			t.Setenv("HOME", "/h")
			got, err := DefaultDir()
			if err != nil || got != tc.want {
				t.Errorf("%s\nDefaultDir() = %q, %v; want %q", tc.reason, got, err, tc.want)
			}
		})
	}
}

func TestParseStart(t *testing.T) {
	cases := map[string]struct {
		reason string
		stat   string
		want   uint64
		bad    bool
	}{
		"Plain": {
			reason: "Field 22 is the start time.",
			stat:   "1 (init) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99 0 0",
			want:   99,
		},
		"NameWithParenthesesAndSpaces": {
			reason: "A program may be called anything, so fields are counted from the last parenthesis.",
			stat:   "1 (a) S 0 (b) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 99 0 0",
			want:   99,
		},
		"Short": {reason: "Too few fields are an error and do not cause a panic.", stat: "1 (init) S 0", bad: true},
		"Empty": {reason: "An empty text is an error.", stat: "", bad: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseStart([]byte(tc.stat))
			if got != tc.want || (err != nil) != tc.bad {
				t.Errorf("%s\nparseStart() = %d, %v; want %d, error %t", tc.reason, got, err, tc.want, tc.bad)
			}
		})
	}
}

func TestChildNumbers(t *testing.T) {
	cases := map[string]struct {
		reason       string
		status       string
		depth        int
		inner, outer int
	}{
		"Nested": {
			reason: "The parent is in the second namespace, so it sees the second number.",
			status: "Name:\tx\nPPid:\t12\nNSpid:\t4711\t17\nThreads:\t1\n",
			depth:  2,
			inner:  17,
			outer:  4711,
		},
		"FirstOfAnother": {
			reason: "The first process of a third namespace has the number 1 only there.",
			status: "PPid:\t12\nNSpid:\t4711\t17\t1\n",
			depth:  2,
			inner:  17,
			outer:  4711,
		},
		"Flat": {
			reason: "Without namespaces there is one number.",
			status: "PPid:\t12\nNSpid:\t4711\n",
			depth:  1,
			inner:  4711,
			outer:  4711,
		},
		"OfAnother": {reason: "A child of another process is not one of this.", status: "PPid:\t13\nNSpid:\t4711\t17\n", depth: 2},
		"Outside":   {reason: "A process outside of the namespace has no number in it.", status: "PPid:\t12\nNSpid:\t4711\n", depth: 2},
		"Absent":    {reason: "A status without the line names no process.", status: "Name:\tx\nPPid:\t12\n", depth: 1},
		"Empty":     {reason: "A status with an empty line names no process.", status: "PPid:\t12\nNSpid:\n", depth: 1},
		"NoDepth":   {reason: "The status of the parent could not be read.", status: "PPid:\t12\nNSpid:\t1\n"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			inner, outer, ok := childNumbers(tc.status, 12, tc.depth)
			if inner != tc.inner || outer != tc.outer || ok != (tc.inner != 0) {
				t.Errorf("%s\nchildNumbers() = %d, %d, %t; want %d, %d", tc.reason, inner, outer, ok, tc.inner, tc.outer)
			}
		})
	}
}

func TestProcessLife(t *testing.T) {
	cmd := exec.Command("cat")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer stdin.Close()
	p, err := Identify(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Alive() {
		t.Error("a process that waits for input is reported as not alive")
	}
	for name, other := range map[string]Process{
		"another start": {PID: p.PID, Start: p.Start + 1, Boot: p.Boot},
		"another boot":  {PID: p.PID, Start: p.Start, Boot: "another"},
		"none":          {},
	} {
		if other.Alive() {
			t.Errorf("%s: a process of the same number was taken for the recorded one", name)
		}
		if err := other.End(time.Minute); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !p.Alive() {
		t.Fatal("ending other processes ended this one")
	}
	if err := p.End(time.Minute); err != nil {
		t.Fatal(err)
	}
	if p.Alive() {
		t.Error("a process that has ended, but was not waited for, is reported as alive")
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) {
		t.Errorf("the process was not killed: %v", err)
	}
	if err := p.End(time.Minute); err != nil {
		t.Errorf("the second end of a process: %v", err)
	}
}

func TestHostPIDsIsTheIdentityInOneNamespace(t *testing.T) {
	self, err := Identify(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("/bin/sleep", "600")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	pids, err := HostPIDs(self)
	if err != nil {
		t.Fatal(err)
	}
	// The tests may run in a PID namespace. Then the number is still the one that this process sees.
	if pid := child.Process.Pid; pids[pid] != pid {
		t.Errorf("process %d has the number %d", pid, pids[pid])
	}
	if pid, ok := pids[self.PID]; ok {
		t.Errorf("the process itself counts as its own child %d", pid)
	}
}

func TestStatusNumbers(t *testing.T) {
	const status = "Name:\tx\nPPid:\t12\nNSpid:\t4711\t32\t1\nUid:\tmany\n"
	for field, want := range map[string][]int{"PPid": {12}, "NSpid": {4711, 32, 1}, "Uid": nil, "Gid": nil} {
		if got := statusNumbers(status, field); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", field, got, want)
		}
	}
}

func TestLock(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "missing", "cluster"))
	unlock, err := dir.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dir.Lock(); !errors.Is(err, ErrBusy) {
		t.Errorf("a second lock while the first is held: %v", err)
	}
	unlock()
	if _, err := os.Stat(string(dir) + ".lock"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the lock's file was left behind: %v", err)
	}
	unlock, err = dir.Lock()
	if err != nil {
		t.Fatalf("the lock cannot be taken again: %v", err)
	}
	unlock()
}
