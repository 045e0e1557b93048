package taskrun

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/results"
	"github.com/sluice-ci/sluice/internal/results/frame"
)

// recordAs is the version with which runs are recorded; they are never recorded again.
var recordAs = flag.String("record", "", "record runs in the middle of their way, as this version leaves them, for all later ones")

// earlier is a run as the controller of an earlier version has left it, and what becomes of it.
type earlier struct {
	// TaskRun and Pod as they stood when that controller was stopped; the pod is its work, too, arguments and all.
	TaskRun *v1.TaskRun `json:"taskRun"`
	Pod     *corev1.Pod `json:"pod,omitempty"`
	// Ended is the pod's status at its end.
	Ended corev1.PodStatus `json:"ended"`
	// Log is what the pod's results sidecar said, in the format of that version.
	Log string `json:"log,omitempty"`
	// Results that have to be there in the end.
	Results []v1.TaskRunResult `json:"results"`
	// Artifacts that have to be there in the end.
	Artifacts *v1.Artifacts `json:"artifacts,omitempty"`
}

// TestEarlierVersions: who upgrades the controller while runs are under way gets their results. Each run was recorded with
// an earlier version at some moment; this version finds it, and its pod as that one made it.
func TestEarlierVersions(t *testing.T) {
	if *recordAs != "" {
		recordAll(t, filepath.Join("testdata", "earlier", *recordAs))
	}
	files, err := filepath.Glob(filepath.Join("testdata", "earlier", "*", "*.yaml"))
	if err != nil || len(files) < 6 {
		t.Fatalf("want at least six recorded runs, got %d, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e := &earlier{}
			if err := yaml.UnmarshalStrict(data, e); err != nil {
				t.Fatalf("an earlier version's object has a field that is gone: %v", err)
			}
			e.replay(t)
		})
	}
}

// replay lets a controller continue the stored run, and ends its pod.
func (e *earlier) replay(t *testing.T) {
	t.Helper()
	objects := []client.Object{e.TaskRun}
	if e.Pod != nil {
		objects = append(objects, e.Pod)
	}
	w := newWorld(t, objects, interceptor.Funcs{})
	// What is in force by now says nothing of pods that were made before.
	w.store.SetFlags(config.Flags{ResultsFrom: config.TerminationMessage, MaxResultSize: 4096})
	if e.Log != "" {
		w.log = []byte(e.Log)
	}
	w.pass(t)
	if pods := w.pods(t); len(pods) != 1 {
		t.Fatalf("a run has one pod, whoever made it, got %d", len(pods))
	}
	p := w.pod(t)
	p.Status = e.Ended
	if err := w.client.Status().Update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	tr := w.pass(t)
	if e.Log != "" && !tr.Status.Done() {
		select {
		case <-w.woken:
		case <-time.After(30 * time.Second):
			t.Fatal("nobody was woken by the end of the stream")
		}
		tr = w.pass(t)
	}
	wantCondition(t, tr, "True Succeeded")
	if diff := cmp.Diff(e.Results, tr.Status.Results); diff != "" {
		t.Errorf("results: -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(e.Artifacts, tr.Status.Artifacts); diff != "" {
		t.Errorf("artifacts: -want +got:\n%s", diff)
	}
}

// recordAll records a run of each method at three moments: its pod was made and nothing is known of it, it runs, and it has
// ended while no controller was there. It also records one of each method that has artifacts and runs.
func recordAll(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); err == nil {
		t.Fatalf("%s is there: what a version has left is not recorded again", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, from := range []config.ResultsFrom{config.TerminationMessage, config.SidecarLogs} {
		for _, moment := range []string{"created", "running", "ended", withDocuments} {
			data, err := yaml.Marshal(recorded(t, from, moment))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, string(from)+"-"+moment+".yaml"), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// withDocuments is the moment of a run that has artifacts and runs.
const withDocuments = "artifacts"

func recorded(t *testing.T, from config.ResultsFrom, moment string) *earlier {
	t.Helper()
	run, documents := taskRun(), []frame.Result(nil)
	if moment == withDocuments {
		run.Spec.TaskSpec.Steps[0].Script, run.Spec.TaskSpec.Steps[1].Script = "$(step.artifacts.path)", "$(artifacts.path)"
		documents = []frame.Result{
			{Name: "step-one.artifacts", Type: results.TypeArtifacts, Value: []byte(`{"inputs":[{"name":"source","values":[{"uri":"git"}]}]}`)},
			{Name: "task.artifacts", Type: results.TypeArtifacts, Value: []byte(
				`{"outputs":[{"name":"image","values":[{"uri":"oci","digest":{"sha256":"01"}}],"buildOutput":true}]}`)},
		}
	}
	w := newWorld(t, []client.Object{run}, interceptor.Funcs{})
	w.store.SetFlags(config.Flags{ResultsFrom: from, MaxResultSize: 4096})
	e := &earlier{TaskRun: w.pass(t)}
	digest := frame.Result{Name: "digest", Type: "string", Value: []byte("sha256:00 \"ünï\" <&>\n")}
	images := frame.Result{Name: "images", Type: "array", Value: []byte(`["a","b"]`)}
	ofFirst, ofSecond := []frame.Result{digest}, []frame.Result{images}
	if documents != nil {
		ofFirst, ofSecond = append(ofFirst, documents[0]), append(ofSecond, documents[1])
	}
	states := []corev1.ContainerState{terminated(0, record(0, ofFirst...)), terminated(0, record(0, ofSecond...))}
	running := []corev1.ContainerState{running(), running()}
	if from == config.SidecarLogs {
		e.Log = streamed(t, nonceOf(t, w.pod(t)), append([]frame.Result{digest, images}, documents...)...)
		states = []corev1.ContainerState{terminated(0, record(0)), terminated(0, record(0)), terminated(0, "")}
		running = append(running, running[0])
	}
	if moment != "created" {
		w.play(t, corev1.PodRunning, running...)
		e.TaskRun = w.pass(t)
	}
	if moment == "ended" {
		w.play(t, corev1.PodSucceeded, states...)
	}
	e.Pod, e.Ended = w.pod(t), runPod(corev1.PodSucceeded, states...).Status
	e.Results = []v1.TaskRunResult{
		{Name: "digest", Type: v1.TypeString, Value: v1.StringValue(string(digest.Value))},
		{Name: "images", Type: v1.TypeArray, Value: v1.ArrayValue("a", "b")},
	}
	if documents != nil {
		e.Artifacts = &v1.Artifacts{
			Inputs: []v1.Artifact{{Name: "source", Values: []v1.ArtifactValue{{URI: "git"}}}},
			Outputs: []v1.Artifact{{
				Name: "image", BuildOutput: true, Values: []v1.ArtifactValue{{URI: "oci", Digest: map[string]string{"sha256": "01"}}},
			}},
		}
	}
	return e
}

// streamed is what a results sidecar says of two steps that ended well and left these results.
func streamed(t *testing.T, nonce string, results ...frame.Result) string {
	t.Helper()
	var log bytes.Buffer
	w := frame.NewWriter(&log, nonce)
	err := errors.Join(w.Step(step("step-one", 0, frame.ReasonCompleted)), w.Step(step("step-two", 0, frame.ReasonCompleted)))
	for _, r := range results {
		err = errors.Join(err, w.Result(r))
	}
	if err := errors.Join(err, w.End(false)); err != nil {
		t.Fatal(err)
	}
	return log.String()
}
