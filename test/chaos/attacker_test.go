package main

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	kubefake "k8s.io/client-go/kubernetes/fake"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/attack"
	"github.com/sluice-ci/sluice/test/chaos/check"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// TestRegistries: each hostile registry answers as intended, and closing the registries ends all connections.
func TestRegistries(t *testing.T) {
	r, err := openRegistries()
	if err != nil {
		t.Fatal(err)
	}
	var open []net.Conn
	for i, want := range []string{"", "\x16", "", "HTTP/1.1 307"} {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", r.addresses()[i])
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		open = append(open, conn)
		got := make([]byte, len(want))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
			t.Errorf("registry %d answers %q, %v", i, got, err)
		}
	}
	r.close()
	for i, conn := range open {
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("the connection to registry %d was not closed: %v", i, err)
		}
	}
	if n := r.connections(); n != len(open) {
		t.Errorf("%d connections are counted, and there were %d", n, len(open))
	}
}

// attackerOn returns a hostile tenant with an API server that holds the objects.
func attackerOn(t *testing.T, objects ...client.Object) *attacker {
	t.Helper()
	scheme := runtime.NewScheme()
	if err := v1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(objects...).Build()
	return &attacker{
		cluster: &kube.Cluster{Client: c, Kube: kubefake.NewClientset()}, sent: map[string]int{},
		setting: attack.Setting{Namespace: "here", Image: "image", Registries: make([]string, attack.Registries)},
		broken:  func(time.Time, time.Time) time.Duration { return 0 }, options: options{findings: t.TempDir()},
	}
}

// TestAttackIsSeen: the objects of an attack, with their outcomes, are those that are checked.
func TestAttackIsSeen(t *testing.T) {
	tr, pr := &v1.TaskRun{}, &v1.PipelineRun{}
	tr.Name, tr.Namespace, tr.Labels = "child", "here", map[string]string{v1.LabelPipelineRun: "run"}
	pr.Name, pr.Namespace = "run", "here"
	for _, o := range []interface {
		SetCondition(c metav1.Condition, now metav1.Time)
	}{&tr.Status, &pr.Status} {
		o.SetCondition(v1.Failed(v1.TaskRunReasonFailed, "why"), metav1.Now())
	}
	a := attackerOn(t, tr, pr)
	for name, tc := range map[string]struct {
		object   client.Object
		taskRuns int
		pipeline bool
	}{
		"TaskRun": {object: tr, taskRuns: 1}, "PipelineRun": {object: pr, taskRuns: 1, pipeline: true}, "Task": {object: &v1.Task{}},
	} {
		t.Run(name, func(t *testing.T) {
			c := &check.AttackCase{Plan: attack.Make(1, 1)}
			over, err := a.look(t.Context(), c, tc.object)
			if err != nil || !over || len(c.TaskRuns) != tc.taskRuns || (c.PipelineRun != nil) != tc.pipeline {
				t.Errorf("over %t, %v: %+v", over, err, c)
			}
		})
	}
}

// TestAttackFindingsAreCounted: a wrong outcome is counted.
func TestAttackFindingsAreCounted(t *testing.T) {
	a := attackerOn(t)
	a.registries = &registries{}
	c := &check.AttackCase{Plan: attack.Make(1, 1), Created: time.Now()} // without an answer of the API server
	a.judge(t.Context(), c)
	if n := a.report(); n != 1 || a.sent[c.Plan.Kind] != 1 {
		t.Errorf("%d findings, sent %v", n, a.sent)
	}
}

// TestUnheardRegistriesAreFound: attacks by registries fail the test if no program has connected to one.
func TestUnheardRegistriesAreFound(t *testing.T) {
	cases := map[string]struct {
		calm  bool
		sent  map[string]int
		taken int
		want  int
	}{
		"Unheard": {
			sent: map[string]int{attack.Tarpit: 1},
			want: 1,
		},
		"Heard": {
			sent:  map[string]int{attack.Tarpit: 3},
			taken: 1,
		},
		"NoneSent": {
			sent: map[string]int{attack.Wide: 3},
		},
		"ControllerAsInstalled": {
			calm: true,
			sent: map[string]int{attack.Tarpit: 3},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			a := attackerOn(t)
			a.registries, a.sent, a.options.calm = &registries{taken: tc.taken}, tc.sent, tc.calm
			if got := a.report(); got != tc.want {
				t.Errorf("want %d findings, got %d: %q", tc.want, got, a.found)
			}
		})
	}
}
