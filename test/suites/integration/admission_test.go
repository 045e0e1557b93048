//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/admission"
	"github.com/sluice-ci/sluice/internal/config"
	"github.com/sluice-ci/sluice/internal/creation"
	"github.com/sluice-ci/sluice/internal/validation"
)

// TestAdmission asks a real API server, with the webhooks of config/webhook served by this process.
func TestAdmission(t *testing.T) {
	namespace := newNamespace(t)
	admit(t, namespace)
	t.Run("every bad object is refused, by field and value", func(t *testing.T) { refuseBad(t, namespace) })
	t.Run("defaults are filled in", func(t *testing.T) {
		task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "defaults", Namespace: namespace}, Spec: v1.TaskSpec{
			Params: []v1.ParamSpec{{Name: "list", Default: &v1.Value{Type: v1.TypeArray, Array: []string{"a"}}}},
			Steps:  []v1.Step{{Image: "busybox:1", Script: "true"}},
		}}
		if err := shared.client.Create(t.Context(), task); err != nil {
			t.Fatal(err)
		}
		if got := task.Spec.Params[0].Type; got != v1.TypeArray {
			t.Errorf("the type of a param follows from its default, got %q", got)
		}
	})
	t.Run("unknown fields are refused by name, for every client", func(t *testing.T) { refuseUnknown(t, namespace) })
	t.Run("fields in another case get their names", func(t *testing.T) { respell(t, namespace) })
	t.Run("what would occupy the API server is refused before its schema", func(t *testing.T) { refuseCostly(t, namespace) })
	t.Run("a StepAction is served in two versions", func(t *testing.T) { serveAlpha(t, namespace) })
	t.Run("labels can change while the webhook refuses the spec", func(t *testing.T) {
		// An object that was stored without the webhooks, in an excluded namespace.
		out := newNamespace(t)
		label(t, out, "sluice.dev/admission", "ignore")
		label(t, out, admitLabel, "yes")
		task := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "old", Namespace: out}, Spec: v1.TaskSpec{
			Steps: []v1.Step{{Image: "busybox:1", Script: "echo $(params.missing)"}},
		}}
		eventually(t, func(ctx context.Context) error { return shared.client.Create(ctx, task.DeepCopy()) })
		label(t, out, "sluice.dev/admission", "back")
		eventually(t, func(ctx context.Context) error {
			err := shared.client.Create(ctx, task.DeepCopy(), client.DryRunAll)
			if err == nil || !strings.Contains(err.Error(), "params.missing") {
				return fmt.Errorf("want the webhook back, got: %w", err)
			}
			return nil
		})
		stored := &v1.Task{}
		if err := shared.client.Get(t.Context(), client.ObjectKeyFromObject(task), stored); err != nil {
			t.Fatal(err)
		}
		stored.Labels = map[string]string{"team": "release"}
		if err := shared.client.Update(t.Context(), stored); err != nil {
			t.Errorf("want the label, got: %v", err)
		}
	})
}

// refuseCostly sends lists of 5,000 elements whose mistakes the schema would report one by one. The API server compares each with all
// others. That the webhook refuses them shows in the message: it ends after the first mistakes.
func refuseCostly(t *testing.T, namespace string) {
	t.Helper()
	var many []any
	for range 5000 {
		many = append(many, map[string]any{})
	}
	steps := []any{map[string]any{"image": "busybox:1"}}
	cases := map[string]struct {
		version, kind string
		spec          map[string]any
	}{
		"Params":            {"tekton.dev/v1", "TaskRun", map[string]any{"taskRef": map[string]any{"name": "a"}, "params": many}},
		"Environment":       {"tekton.dev/v1", "Task", map[string]any{"steps": []any{map[string]any{"image": "a", "env": many}}}},
		"Volumes":           {"tekton.dev/v1", "Task", map[string]any{"steps": steps, "volumes": many}},
		"Tasks":             {"tekton.dev/v1", "Pipeline", map[string]any{"tasks": many}},
		"TaskRunSpecs":      {"tekton.dev/v1", "PipelineRun", map[string]any{"taskRunSpecs": many}},
		"CustomRun":         {"tekton.dev/v1beta1", "CustomRun", map[string]any{"params": many}},
		"StepAction":        {"tekton.dev/v1beta1", "StepAction", map[string]any{"image": "a", "env": many}},
		"ResolutionRequest": {"resolution.tekton.dev/v1beta1", "ResolutionRequest", map[string]any{"params": many}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			o := &unstructured.Unstructured{Object: map[string]any{"apiVersion": tc.version, "kind": tc.kind, "spec": tc.spec}}
			o.SetName("costly")
			o.SetNamespace(namespace)
			err := shared.client.Create(t.Context(), o)
			if err == nil || !strings.Contains(err.Error(), "the check stopped after") || !strings.Contains(err.Error(), "Required value") {
				t.Errorf("want the first mistakes, got %.400v", err)
			}
		})
	}
}

// refuseBad creates each object of internal/validation/testdata/bad. The first comments of the file list parts of the
// message.
func refuseBad(t *testing.T, namespace string) {
	t.Helper()
	files, err := filepath.Glob(root + "/internal/validation/testdata/bad/*.yaml")
	if err != nil || len(files) < 40 {
		t.Fatalf("want 40 files or more, got %d: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		o := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(text, &o.Object); err != nil {
			t.Fatal(err)
		}
		o.SetNamespace(namespace)
		schema := schemaWords(text)
		err = shared.client.Create(t.Context(), o, client.DryRunAll)
		if err == nil {
			t.Errorf("%s: want it refused", filepath.Base(file))
			continue
		}
		if len(schema) > 0 {
			continue // the schema refuses it before a webhook is called; TestBadObjects checks the message
		}
		for _, want := range comments(text) {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: want %q in the message, got: %v", filepath.Base(file), want, err)
			}
		}
	}
}

func comments(text []byte) []string {
	var words []string
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line, comment := strings.CutPrefix(lines.Text(), "# ")
		if !comment {
			break
		}
		words = append(words, line)
	}
	return words
}

// admitLabel marks the namespaces that the webhooks of this test are for.
const admitLabel = "sluice-integration-admission"

// admit serves the webhooks on loopback, and configures the API server to call them for objects of the namespace.
func admit(t *testing.T, namespace string) {
	t.Helper()
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"tls.crt": certificate, "tls.key": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	port := freePort(t)
	server := webhook.NewServer(webhook.Options{Host: "127.0.0.1", Port: port, CertDir: dir})
	settings := func() creation.Settings { return creation.Settings{Defaults: config.Default().Defaults} }
	admission.All(validation.DefaultLimits, settings).Register(server)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Start(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the webhooks ended: %v", err)
		}
	})
	label(t, namespace, admitLabel, "yes")
	url := fmt.Sprintf("https://127.0.0.1:%d", port)
	mutating, validating := &admissionregistrationv1.MutatingWebhookConfiguration{}, &admissionregistrationv1.ValidatingWebhookConfiguration{}
	read(t, "mutating.yaml", mutating)
	read(t, "validating.yaml", validating)
	mutating.Name, validating.Name = "sluice-integration-defaults", "sluice-integration-validation"
	direct(&mutating.Webhooks[0].ClientConfig, url, certificate)
	direct(&validating.Webhooks[0].ClientConfig, url, certificate)
	only := metav1.LabelSelectorRequirement{Key: admitLabel, Operator: metav1.LabelSelectorOpExists}
	for _, selector := range []*metav1.LabelSelector{mutating.Webhooks[0].NamespaceSelector, validating.Webhooks[0].NamespaceSelector} {
		selector.MatchExpressions = append(selector.MatchExpressions, only)
	}
	for _, o := range []client.Object{mutating, validating} {
		if err := shared.client.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := shared.client.Delete(context.Background(), o); err != nil {
				t.Error(err)
			}
		})
	}
	// The API server uses a new webhook after a short delay.
	eventually(t, func(ctx context.Context) error {
		bad := &v1.Task{ObjectMeta: metav1.ObjectMeta{Name: "probe", Namespace: namespace}, Spec: v1.TaskSpec{
			Steps: []v1.Step{{Image: "busybox:1", Script: "echo $(params.missing)"}},
		}}
		err := shared.client.Create(ctx, bad, client.DryRunAll)
		if err == nil || !strings.Contains(err.Error(), "params.missing") {
			return fmt.Errorf("want the webhook's answer, got: %w", err)
		}
		return nil
	})
}

// direct changes a webhook to use a URL instead of a Service, which an API server without nodes cannot reach.
func direct(c *admissionregistrationv1.WebhookClientConfig, url string, certificate []byte) {
	*c = admissionregistrationv1.WebhookClientConfig{URL: new(url + *c.Service.Path), CABundle: certificate}
}

func read(t *testing.T, file string, into client.Object) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config/webhook", file))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, into); err != nil {
		t.Fatal(err)
	}
}

func label(t *testing.T, namespace, name, value string) {
	t.Helper()
	patch := client.RawPatch("application/merge-patch+json", fmt.Appendf(nil, `{"metadata":{"labels":{%q:%q}}}`, name, value))
	if err := shared.client.Patch(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, patch); err != nil {
		t.Fatal(err)
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().(*net.TCPAddr).Port
}
