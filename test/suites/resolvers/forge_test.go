//go:build e2e

package resolvers

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/sluice-ci/sluice/internal/convert"
	"github.com/sluice-ci/sluice/internal/resolvers/bundles"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// The image of the servers; hack/images/standin.sh builds it.
const forgeImage = "docker.io/library/forge:1"

// The ports of the servers.
const (
	portHTTP     = 8080
	portTLS      = 8443
	portRegistry = 5443
	portSSH      = 2222
)

// The credentials that the servers want.
const (
	password = "forge-password"
	token    = "forge-token"
)

// forge is a pod with the servers, in a namespace with the definitions for the resolver "cluster".
type forge struct {
	*suite.Namespace

	host string
	// openKey and closedKey each permit to read one repository over SSH. hostKey is that of the host.
	openKey, closedKey, hostKey sshKey
	// registry is the address of localkube's registry for pods.
	registry string
	// digest is that of the bundle.
	digest string
}

// at returns the beginning of a URL of the host: before has the scheme, and a user if there is one.
func (f *forge) at(before string, port int) string {
	return before + net.JoinHostPort(f.host, strconv.Itoa(port))
}

// newForge starts the servers, and makes the resolvers trust their certificate and use their addresses.
func newForge(t *testing.T) *forge {
	t.Helper()
	f := &forge{
		Namespace: suite.NewNamespace(t), openKey: newSSHKey(t), closedKey: newSSHKey(t), hostKey: newSSHKey(t),
		registry: os.Getenv("SLUICE_REGISTRY_OF_PODS"),
	}
	if f.registry == "" {
		t.Fatal("SLUICE_REGISTRY_OF_PODS is not set; run the suite with hack/test-cluster.sh resolvers")
	}
	f.host = "forge." + f.Name + ".svc.cluster.local"
	authority, pair := certificate(t, f.host)
	f.config(t, pair)
	f.serve(t)
	f.push(t)
	f.store(t)
	f.trust(t, authority)
	f.MustKubectl(t, "rollout", "status", "deployment/forge", "--timeout="+building.String())
	return f
}

func (f *forge) make(t *testing.T, o client.Object) {
	t.Helper()
	o.SetNamespace(f.Name)
	if err := kube.Create(t.Context(), f.Client, o); err != nil {
		t.Fatal(err)
	}
}

func (f *forge) folder(t *testing.T, name string) map[string]string {
	t.Helper()
	all := map[string]string{}
	files, err := filepath.Glob(filepath.Join("testdata", name, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no files in testdata/%s: %v", name, err)
	}
	for _, file := range files {
		all[filepath.Base(file)] = read(t, file)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// definition returns a definition that says that it is from a source.
func (f *forge) definition(t *testing.T, file, source string) string {
	t.Helper()
	return strings.ReplaceAll(read(t, filepath.Join("testdata", "definitions", file)), "SOURCE", source)
}

// store creates the definitions in the cluster. The API server has no Pipeline of an earlier version.
func (f *forge) store(t *testing.T) {
	t.Helper()
	for _, file := range []string{"task.yaml", "action.yaml", "pipeline.yaml"} {
		raw, err := yaml.YAMLToJSON([]byte(f.definition(t, file, "cluster")))
		if err == nil && file == "pipeline.yaml" {
			raw, err = convert.ToV1(raw)
		}
		o := &unstructured.Unstructured{}
		if err == nil {
			err = o.UnmarshalJSON(raw)
		}
		if err != nil {
			t.Fatal(err)
		}
		f.make(t, o)
	}
}

// config creates the configuration of the servers. The files that they serve have slashes in their names, so the volume names
// their paths.
func (f *forge) config(t *testing.T, pair string) {
	t.Helper()
	f.make(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "servers"}, Data: f.folder(t, "servers")})
	definitions := f.folder(t, "definitions")
	definitions["greet.yaml"] = read(t, examples+"/greet.yaml")
	f.make(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "definitions"}, Data: definitions})
	data := map[string]string{}
	for path, text := range f.files(t) {
		data[strings.ReplaceAll(path, "/", "__")] = text
	}
	f.make(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "files"}, Data: data})
	permit := func(repository string, key sshKey) string {
		return fmt.Sprintf("command=\"sh /forge/servers/gate.sh %s\",restrict %s\n", repository, key.public)
	}
	f.make(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "secrets"}, StringData: map[string]string{
		"tls.pem": pair, "host-key": f.hostKey.private, "users": "forge:" + password + "\n",
		"authorized-keys": permit("open", f.openKey) + permit("closed", f.closedKey),
	}})
}

// files returns the files that the servers have: definitions for the resolver "http", and the answers of a hub and of a hosting
// service in the shape of theirs.
func (f *forge) files(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{"files/open/greet.yaml": read(t, examples+"/greet.yaml")}
	for kind, file := range map[string]string{"task": "task.yaml", "pipeline": "pipeline.yaml", "stepaction": "action.yaml"} {
		text := func(source string) string { return f.definition(t, file, source) }
		all["files/open/"+file], all["files/closed/"+file] = text("http"), text("http with a password")
		for _, repository := range []string{"open", "closed"} {
			all["api/v1/repos/team/"+repository+"/raw/"+file] = text("the API of " + repository)
		}
		manifest, err := json.Marshal(text("hub"))
		if err != nil {
			t.Fatal(err)
		}
		hub := "api/v1/packages/tekton-" + kind + "/tekton-catalog-" + kind + "s/greet"
		all[hub+"/0.2.0"] = `{"package_id":"f1","name":"greet","version":"0.2.0","data":{"manifestRaw":` + string(manifest) +
			`,"pipelines.minVersion":"0.12.1"},"repository":{"kind":7,"name":"catalog"}}`
		all[hub+"/versions.json"] = `{"name":"greet","available_versions":[{"version":"0.1.0","ts":1},{"version":"0.2.0","ts":2},` +
			`{"version":"1.0.0-rc.1","prerelease":true,"ts":3}]}`
	}
	return all
}

// serve creates the pod of the servers, and the Service.
func (f *forge) serve(t *testing.T) {
	t.Helper()
	host, port, err := net.SplitHostPort(f.registry)
	if err != nil {
		t.Fatal(err)
	}
	var items []corev1.KeyToPath
	for path := range f.files(t) {
		items = append(items, corev1.KeyToPath{Key: strings.ReplaceAll(path, "/", "__"), Path: path})
	}
	of := func(name string, more ...corev1.KeyToPath) corev1.ConfigMapVolumeSource {
		return corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: name}, Items: more}
	}
	volumes := map[string]corev1.VolumeSource{
		"servers":     {ConfigMap: new(of("servers"))},
		"definitions": {ConfigMap: new(of("definitions"))},
		"files":       {ConfigMap: new(of("files", items...))},
		"secrets":     {Secret: &corev1.SecretVolumeSource{SecretName: "secrets"}},
	}
	labels := map[string]string{"app": "forge"}
	container := corev1.Container{
		Name: "forge", Image: forgeImage, Command: []string{"sh", "/forge/servers/start.sh"},
		Env: []corev1.EnvVar{{Name: "REGISTRY_HOST", Value: host}, {Name: "REGISTRY_PORT", Value: port}},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(portTLS)}},
			PeriodSeconds: 1,
		},
	}
	spec := corev1.PodSpec{}
	for name, source := range volumes {
		spec.Volumes = append(spec.Volumes, corev1.Volume{Name: name, VolumeSource: source})
		container.VolumeMounts = append(container.VolumeMounts, corev1.VolumeMount{Name: name, MountPath: "/forge/" + name})
	}
	spec.Containers = []corev1.Container{container}
	f.make(t, &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "forge"}, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: spec},
	}})
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "forge"}, Spec: corev1.ServiceSpec{Selector: labels}}
	for port, called := range map[int32]string{portHTTP: "http", portTLS: "tls", portRegistry: "registry", portSSH: "ssh"} {
		service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{Name: called, Port: port})
	}
	f.make(t, service)
}

// push pushes the bundle with all kinds to localkube's registry.
func (f *forge) push(t *testing.T) {
	t.Helper()
	f.digest = f.pushAs(t, "team/catalog:v1",
		entry("task", "tekton.dev/v1", f.definition(t, "task.yaml", "a bundle")),
		entry("pipeline", "tekton.dev/v1beta1", f.definition(t, "pipeline.yaml", "a bundle")),
		entry("stepaction", "tekton.dev/v1beta1", f.definition(t, "action.yaml", "a bundle")),
	)
}

// entry returns the definition "greet" of a bundle.
func entry(kind, version, text string) bundles.Definition {
	return bundles.Definition{Entry: bundles.Entry{Kind: kind, Name: "greet", APIVersion: version}, Content: []byte(text)}
}

// pushAs pushes a bundle to localkube's registry, and returns its digest.
func (*forge) pushAs(t *testing.T, called string, definitions ...bundles.Definition) string {
	t.Helper()
	image, err := bundles.Image(definitions)
	if err != nil {
		t.Fatal(err)
	}
	registry, _, _ := strings.Cut(os.Getenv("KO_DOCKER_REPO"), "/")
	reference, err := name.ParseReference(registry+"/"+called, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	if err := remote.Write(reference, image, remote.WithContext(t.Context())); err != nil {
		t.Fatal(err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return digest.Hex
}

// trust makes the resolvers trust a certificate authority, and permits their hosts. The test restores them.
func (f *forge) trust(t *testing.T, authority string) {
	t.Helper()
	const namespace, program = "tekton-pipelines-resolvers", "sluice-resolvers"
	service := &corev1.Service{}
	if err := f.Client.Get(t.Context(), client.ObjectKey{Namespace: f.Name, Name: "forge"}, service); err != nil {
		t.Fatal(err)
	}
	trusted := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "forge-"}, Data: map[string]string{"ca.crt": authority},
	}
	if err := f.Client.Create(t.Context(), trusted); err != nil {
		t.Fatal(err)
	}
	d := &appsv1.Deployment{}
	key := client.ObjectKey{Namespace: namespace, Name: program}
	if err := f.Client.Get(t.Context(), key, d); err != nil {
		t.Fatal(err)
	}
	old := &corev1.PodList{}
	if err := f.Client.List(t.Context(), old, client.InNamespace(namespace), client.MatchingLabels(d.Spec.Selector.MatchLabels)); err != nil {
		t.Fatal(err)
	}
	before := d.Spec.DeepCopy()
	pod := &d.Spec.Template.Spec
	pod.Volumes = append(pod.Volumes, corev1.Volume{Name: "forge", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: trusted.Name}},
	}})
	c := &pod.Containers[0]
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "forge", MountPath: "/forge"})
	c.Env = append(c.Env, corev1.EnvVar{Name: "SSL_CERT_FILE", Value: "/forge/ca.crt"})
	c.Args = append(c.Args, "--private-networks="+service.Spec.ClusterIP+"/32",
		fmt.Sprintf("--insecure-host=%s:%d", f.host, portHTTP), "--insecure-host="+f.registry)
	if err := f.Client.Update(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), suite.Patience)
		defer cancel()
		if err := f.Client.Get(ctx, key, d); err != nil {
			t.Fatal(err)
		}
		d.Spec = *before
		if err := f.Client.Update(ctx, d); err != nil {
			t.Error(err)
		}
		if err := f.Client.Delete(ctx, trusted); err != nil {
			t.Error(err)
		}
	})
	f.MustKubectl(t, "rollout", "status", "deployment/"+program, "-n", namespace, "--timeout="+building.String())
	for i := range old.Items { // one that is ending can still answer a request
		f.MustKubectl(t, "wait", "--for=delete", "pod/"+old.Items[i].Name, "-n", namespace, "--timeout="+building.String())
	}
}

// inPod runs a command in the pod of the servers.
func (f *forge) inPod(t *testing.T, command ...string) string {
	t.Helper()
	return strings.TrimSpace(f.MustKubectl(t, append([]string{"exec", "deployment/forge", "--"}, command...)...))
}
