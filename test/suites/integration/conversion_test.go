//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/cert"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/convert"
	"github.com/sluice-ci/sluice/internal/convert/review"
)

// converted are the CRDs whose objects the webhook converts, by their kinds.
func converted() map[string]string {
	return map[string]string{
		"Task":        "tasks.tekton.dev",
		"TaskRun":     "taskruns.tekton.dev",
		"Pipeline":    "pipelines.tekton.dev",
		"PipelineRun": "pipelineruns.tekton.dev",
	}
}

// converter is the conversion webhook, served by this process on loopback.
type converter struct {
	dir  string
	port int
	stop func()
}

// serveConversion serves the webhook, and makes the API server call it until the test ends.
func serveConversion(t *testing.T) *converter {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &converter{dir: t.TempDir(), port: freePort(t)}
	for name, content := range map[string][]byte{"tls.crt": certificate, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(c.dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.start(t)
	t.Cleanup(func() { c.stop() })
	for _, name := range converted() {
		before := &unstructured.Unstructured{Object: map[string]any{}}
		readCRD(t, name, before)
		conversion, _, err := unstructured.NestedFieldCopy(before.Object, "spec", "conversion")
		if err != nil {
			t.Fatal(err)
		}
		patchCRD(t, name, map[string]any{"op": "replace", "path": "/spec/conversion/webhook/clientConfig", "value": map[string]any{
			"url": fmt.Sprintf("https://127.0.0.1:%d%s", c.port, review.Path), "caBundle": certificate,
		}})
		t.Cleanup(func() {
			patchCRD(t, name, map[string]any{"op": "replace", "path": "/spec/conversion", "value": conversion})
		})
	}
	return c
}

func (c *converter) start(t *testing.T) {
	t.Helper()
	server := webhook.NewServer(webhook.Options{Host: "127.0.0.1", Port: c.port, CertDir: c.dir})
	server.Register(review.Path, review.Handler{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	c.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the webhook ended: %v", err)
		}
	}
	eventually(t, func(context.Context) error { return server.StartedChecker()(&http.Request{}) })
}

func readCRD(t *testing.T, name string, into *unstructured.Unstructured) {
	t.Helper()
	into.SetAPIVersion("apiextensions.k8s.io/v1")
	into.SetKind("CustomResourceDefinition")
	if err := shared.client.Get(t.Context(), client.ObjectKey{Name: name}, into); err != nil {
		t.Fatal(err)
	}
}

// patchCRD applies operations of a JSON patch. It also works in the cleanup of a test.
func patchCRD(t *testing.T, name string, operations ...map[string]any) {
	t.Helper()
	encoded, err := json.Marshal(operations)
	if err != nil {
		t.Fatal(err)
	}
	crd := &unstructured.Unstructured{}
	crd.SetAPIVersion("apiextensions.k8s.io/v1")
	crd.SetKind("CustomResourceDefinition")
	crd.SetName(name)
	if err := shared.client.Patch(context.Background(), crd, client.RawPatch(types.JSONPatchType, encoded)); err != nil {
		t.Errorf("cannot patch CRD %q: %v", name, err)
	}
}

// olderObjects returns objects of v1beta1 of all four kinds; more than half are Tasks. Each has some of the fields of testdata/v1beta1,
// and together they have each of them: the first ones have all.
func olderObjects(t *testing.T, namespace string, count int) []*unstructured.Unstructured {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2)) // the same objects each time
	var all []*unstructured.Unstructured
	for i := range count {
		kind := slices.Sorted(maps.Keys(converted()))[i%len(converted())]
		if i >= count/2 {
			kind = "Task"
		}
		text, err := os.ReadFile(filepath.Join("testdata", "v1beta1", strings.ToLower(kind)+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		encoded, err := yaml.YAMLToJSONStrict(text)
		if err != nil {
			t.Fatal(err)
		}
		o := &unstructured.Unstructured{}
		if err := o.UnmarshalJSON(encoded); err != nil {
			t.Fatal(err)
		}
		if i >= len(converted()) {
			thin(random, o.Object["spec"])
		}
		o.SetNamespace(namespace)
		o.SetName(fmt.Sprintf("o%d", i))
		all = append(all, o)
	}
	return all
}

// thin removes some of the optional fields of a value. The files name them: the value of a required field begins at a required key.
func thin(random *rand.Rand, value any) {
	switch value := value.(type) {
	case map[string]any:
		for _, field := range slices.Sorted(maps.Keys(value)) {
			override := field == "resources" && len(value) == 2 // has a name besides
			if !required(field) && !override && random.IntN(3) == 0 {
				delete(value, field)
				continue
			}
			thin(random, value[field])
		}
	case []any:
		for _, element := range value {
			thin(random, element)
		}
	}
}

// required reports whether an object needs a field in one of the kinds of the files, or gets a default without it.
func required(field string) bool {
	return slices.Contains([]string{
		"name", "value", "image", "steps", "tasks", "taskRef", "taskSpec", "pipelineSpec", "pipelineTaskName", "containerPort",
		"input", "operator", "values", "type", "protocol", "emptyDir",
	}, field)
}

func asVersion(o *unstructured.Unstructured, version string) *unstructured.Unstructured {
	other := &unstructured.Unstructured{}
	other.SetAPIVersion("tekton.dev/" + version)
	other.SetKind(o.GetKind())
	other.SetNamespace(o.GetNamespace())
	other.SetName(o.GetName())
	return other
}

// TestConversion stores objects of v1beta1 and reads each in both versions, while the webhook is restarted. Then it takes the webhook
// away. FULL=1 stores 2,000.
func TestConversion(t *testing.T) {
	namespace := newNamespace(t)
	c := serveConversion(t)
	count, _ := sizeOfTest()
	all := olderObjects(t, namespace, count)
	t.Cleanup(func() { deleteOlder(t, all) })
	eventually(t, func(ctx context.Context) error { return shared.client.Create(ctx, all[0].DeepCopy(), client.DryRunAll) })
	createOlder(t, all[:len(all)/2])
	c.stop()
	c.start(t)
	createOlder(t, all[len(all)/2:])
	wantVersions(t, namespace, all)
	wantStatuses(t, all[:len(converted())])
	want := len(slices.DeleteFunc(slices.Clone(all), func(o *unstructured.Unstructured) bool { return o.GetKind() != "Task" }))
	out := mustKubectl(t, "get", "tasks.v1beta1.tekton.dev", "-n", namespace, "-o", "name")
	if lines := strings.Count(out, "\n"); lines != want {
		t.Errorf("kubectl get tasks.v1beta1.tekton.dev: want %d lines, got %d", want, lines)
	}
	c.stop()
	defer c.start(t)
	eventually(t, func(ctx context.Context) error {
		err := shared.client.Get(ctx, client.ObjectKeyFromObject(all[0]), asVersion(all[0], "v1beta1"))
		if err == nil || !strings.Contains(err.Error(), "conversion webhook for tekton.dev") {
			return fmt.Errorf("without the webhook want an error that names it, got %w", errors.Join(errors.New("this one"), err))
		}
		return nil
	})
	if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(all[0]), asVersion(all[0], "v1")); err != nil {
		t.Errorf("v1 needs no webhook, got %v", err)
	}
}

// wantStatuses writes statuses of v1beta1, and reads them in both versions.
func wantStatuses(t *testing.T, objects []*unstructured.Unstructured) {
	t.Helper()
	results := []any{map[string]any{"name": "digest", "type": "string", "value": "x"}}
	statuses := map[string]map[string]any{
		"TaskRun": {
			"podName": "pod", "taskResults": results, "cloudEvents": []any{map[string]any{"target": "http://events"}},
			"resourcesResult": []any{map[string]any{"key": "a", "value": "b"}},
			"retriesStatus":   []any{map[string]any{"podName": "first", "taskResults": results}},
		},
		"PipelineRun": {
			"pipelineResults": []any{map[string]any{"name": "digest", "value": "x"}},
			"taskRuns":        map[string]any{"a": map[string]any{"pipelineTaskName": "build", "status": map[string]any{"podName": "pod"}}},
			"runs":            map[string]any{"b": map[string]any{"pipelineTaskName": "approve"}},
		},
	}
	for _, o := range objects {
		status, has := statuses[o.GetKind()]
		if !has {
			continue
		}
		written, later := asVersion(o, "v1beta1"), asVersion(o, "v1")
		if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(o), written); err != nil {
			t.Fatal(err)
		}
		written.Object["status"] = status
		if err := shared.client.Status().Update(t.Context(), written); err != nil {
			t.Fatal(err)
		}
		older := asVersion(o, "v1beta1")
		if err := errors.Join(shared.client.Get(t.Context(), client.ObjectKeyFromObject(o), older),
			shared.client.Get(t.Context(), client.ObjectKeyFromObject(o), later)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(any(status), older.Object["status"]); diff != "" {
			t.Errorf("status of a %s of v1beta1: -want +got\n%s", o.GetKind(), diff)
		}
		if err := convert.Convert(written.Object, "tekton.dev/v1"); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(written.Object["status"], later.Object["status"]); diff != "" {
			t.Errorf("status of a %s of v1: -want +got\n%s", o.GetKind(), diff)
		}
	}
}

// deleteOlder deletes the objects of a namespace. The API server ends a request that takes a minute, so each object is deleted alone.
func deleteOlder(t *testing.T, all []*unstructured.Unstructured) {
	t.Helper()
	failed := make([]error, len(all))
	ctx := context.Background() // that of the test has ended
	workqueue.ParallelizeUntil(ctx, atOnce, len(all), func(i int) {
		failed[i] = client.IgnoreNotFound(shared.client.Delete(ctx, asVersion(all[i], "v1")))
	})
	if err := errors.Join(failed...); err != nil {
		t.Errorf("cannot delete objects: %v", err)
	}
}

// TestMigrateStorage stores objects as v1beta1, kills a migration of them several times, and completes it. FULL=1 stores 2,000, and kills
// 20 times.
func TestMigrateStorage(t *testing.T) {
	namespace := newNamespace(t)
	c := serveConversion(t)
	program := filepath.Join(t.TempDir(), "sluice")
	buildProgram(t, program, "./cmd/sluice")
	count, kills := sizeOfTest()
	all := olderObjects(t, namespace, count)
	t.Cleanup(func() { deleteOlder(t, all) })
	for _, name := range converted() {
		storeAs(t, name, "v1beta1")
	}
	eventually(t, func(ctx context.Context) error { return shared.client.Create(ctx, all[0].DeepCopy(), client.DryRunAll) })
	createOlder(t, all)
	for _, name := range converted() {
		storeAs(t, name, "v1")
		if stored := storedVersions(t, name); len(stored) != 2 {
			t.Fatalf("%s: want objects stored in both versions, got %v", name, stored)
		}
	}
	for kill := range kills {
		if kill == kills/2 {
			c.stop()
			c.start(t)
		}
		pages := 1
		if kill%7 == 6 {
			pages = pagesLeft(t, all) + 1 // those of one kind, and of the next
		}
		killMigration(t, program, pages)
	}
	out := completeMigration(t, program)
	for _, name := range converted() {
		if stored := storedVersions(t, name); !slices.Equal(stored, []string{"v1"}) {
			t.Errorf("%s: want the stored versions [v1], got %v\n%s", name, stored, out)
		}
	}
	wantVersions(t, namespace, all)
}
