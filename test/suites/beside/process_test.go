//go:build integration

package beside

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/cert"
	"sigs.k8s.io/yaml"
)

// controller is the controller of Sluice as a process beside the API server.
type controller struct {
	cmd             *exec.Cmd
	dir             string
	health, metrics string
	webhook         string
	ended           chan error
}

// startController builds and starts the controller with the rights of config/coexist.
func startController(ctx context.Context) (*controller, error) {
	dir, err := os.MkdirTemp("", "sluice-beside-")
	if err != nil {
		return nil, err
	}
	program := os.Getenv("CONTROLLER")
	if program == "" {
		program = filepath.Join(dir, "controller")
		build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/controller")
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("cannot build controller: %w\n%s", err, out)
		}
	}
	addresses := make([]string, 3)
	for i := range addresses {
		if addresses[i], err = unusedAddress(); err != nil {
			return nil, err
		}
	}
	c := &controller{dir: dir, health: addresses[0], metrics: addresses[1], webhook: addresses[2], ended: make(chan error, 1)}
	_, port, err := net.SplitHostPort(c.webhook)
	if err != nil {
		return nil, err
	}
	kubeconfig, err := kubeconfigOf(dir, sluiceUser)
	if err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "controller.log"))
	if err != nil {
		return nil, err
	}
	c.cmd = exec.CommandContext(context.WithoutCancel(ctx), program, "--coexist", "--tekton-namespace="+ofTekton, "--namespace="+ofSluice,
		"--inpod-image=example.invalid/inpod:1", "--inpod-delivery=init-container", "--leader-elect=true",
		"--webhook-port="+port, "--webhook-cert-dir="+filepath.Join(dir, "webhook"),
		"--health-probe-bind-address="+c.health, "--metrics-bind-address="+c.metrics)
	c.cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start controller: %w", err)
	}
	go func() {
		c.ended <- c.cmd.Wait()
		_ = log.Close()
	}()
	return c, nil
}

// stop ends the controller and waits for its end.
func (c *controller) stop() {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		fmt.Fprintln(os.Stderr, "cannot end a controller:", err)
	}
	if err := <-c.ended; err != nil {
		fmt.Fprintln(os.Stderr, "a controller ended with an error:", err)
	}
	if err := os.RemoveAll(c.dir); err != nil {
		fmt.Fprintln(os.Stderr, "cannot remove the folder of a controller:", err)
	}
}

// ready waits until the controller is ready. An error has the end of its log.
func (c *controller) ready(ctx context.Context) error {
	err := poll(ctx, func(ctx context.Context) error {
		select {
		case err := <-c.ended:
			c.ended <- err
			return fmt.Errorf("the controller has ended: %w", err)
		default:
		}
		if _, err := get(ctx, "http://"+c.health+"/readyz"); err != nil {
			return err
		}
		page, err := get(ctx, "http://"+c.metrics+"/metrics")
		if err == nil && !strings.Contains(page, `leader_election_master_status{name="sluice-controller"} 1`) {
			err = fmt.Errorf("the controller does not lead")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%w\nthe controller's log:\n%s", err, c.log())
	}
	return nil
}

// log returns the end of the controller's log.
func (c *controller) log() string {
	const most = 8000
	text, err := os.ReadFile(filepath.Join(c.dir, "controller.log"))
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}

// kubeconfigOf writes a kubeconfig with which a process acts as a service account.
func kubeconfigOf(dir, user string) (string, error) {
	config, err := clientcmd.NewDefaultClientConfigLoadingRules().Load()
	if err != nil {
		return "", err
	}
	parts := strings.Split(user, ":")
	for _, auth := range config.AuthInfos {
		auth.Impersonate = user
		auth.ImpersonateGroups = []string{"system:serviceaccounts", "system:serviceaccounts:" + parts[2], "system:authenticated"}
	}
	path := filepath.Join(dir, "kubeconfig")
	return path, clientcmd.WriteToFile(*config, path)
}

// marker is the webhook of Sluice at an address that the API server reaches without a Service. It can be taken away.
type marker struct {
	server *http.Server
	away   atomic.Bool
}

// startMarker serves the webhook, and configures the API server to call it as config/coexist says.
func startMarker(ctx context.Context, controller string) (*marker, error) {
	certificate, key, err := cert.GenerateSelfSignedCertKey("127.0.0.1", []net.IP{net.IPv4(127, 0, 0, 1)}, nil)
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &marker{}
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "https", Host: controller})
	forward.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	m.server = &http.Server{
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{pair}},
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if m.away.Load() {
				panic(http.ErrAbortHandler)
			}
			forward.ServeHTTP(w, r)
		}),
	}
	go func() { _ = m.server.ServeTLS(listener, "", "") }()
	text, err := os.ReadFile(filepath.Join(root, "config/coexist/webhook.yaml"))
	if err != nil {
		return nil, err
	}
	var configuration admissionregistrationv1.MutatingWebhookConfiguration
	documents := strings.Split(string(text), "\n---\n")
	if err := yaml.UnmarshalStrict([]byte(documents[len(documents)-1]), &configuration); err != nil {
		return nil, fmt.Errorf("cannot decode config/coexist/webhook.yaml: %w", err)
	}
	if configuration.Name != webhookName {
		return nil, fmt.Errorf("config/coexist/webhook.yaml ends with %q, want %q", configuration.Name, webhookName)
	}
	// Another name, because the controller writes its own CA into the original.
	configuration.Name = "beside-" + webhookName
	config := &configuration.Webhooks[0].ClientConfig
	*config = admissionregistrationv1.WebhookClientConfig{
		URL: new("https://" + listener.Addr().String() + *config.Service.Path), CABundle: certificate,
	}
	return m, replace(ctx, &configuration)
}

func (m *marker) close() { _ = m.server.Close() }

func unusedAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// get reads a page, and returns an error for every status except 200.
func get(ctx context.Context, address string) (string, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s: %s", address, answer.Status, body)
	}
	return string(body), err
}
