package webhookcert

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/webhook"

	"k8s.io/client-go/util/cert"
)

// secret returns a Secret with a certificate for host; an empty Secret without a host.
func secret(t *testing.T, host string) *corev1.Secret {
	t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "system", Name: "certificate"}}
	if host == "" {
		return s
	}
	certificate, key, err := cert.GenerateSelfSignedCertKey(host, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Data = map[string][]byte{certFile: certificate, keyFile: key}
	return s
}

func TestWriter(t *testing.T) {
	w := &writer{dir: filepath.Join(t.TempDir(), "webhook"), ready: make(chan struct{})}
	pass := func(s *corev1.Secret) {
		t.Helper()
		builder := fake.NewClientBuilder()
		if s != nil {
			builder = builder.WithObjects(s)
		}
		w.reader = builder.Build()
		if _, err := w.Reconcile(context.Background(),
			ctrl.Request{NamespacedName: client.ObjectKey{Namespace: "system", Name: "certificate"}}); err != nil {
			t.Fatal(err)
		}
	}
	isReady := func() bool {
		select {
		case <-w.ready:
			return true
		default:
			return false
		}
	}
	pass(nil)
	pass(secret(t, ""))
	if isReady() {
		t.Error("there is nothing to serve with yet")
	}
	half := secret(t, "first")
	half.Data[keyFile] = secret(t, "other").Data[keyFile]
	pass(half)
	if isReady() {
		t.Error("a certificate and a key that do not belong together are not written")
	}
	pass(secret(t, "first"))
	if !isReady() {
		t.Fatal("want it ready as soon as the files are there")
	}
	renewed := secret(t, "second")
	pass(renewed) // a second write must not close the channel again
	pair, err := tls.LoadX509KeyPair(filepath.Join(w.dir, certFile), filepath.Join(w.dir, keyFile))
	if err != nil || pair.Leaf.DNSNames[0] != "second" {
		t.Errorf("the files hold what the Secret holds, got %+v, %v", pair.Leaf, err)
	}
	info, err := os.Stat(filepath.Join(w.dir, keyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key is for nobody else, got %v, %v", info.Mode(), err)
	}
}

// started is a webhook server that records whether it was started.
type started struct {
	webhook.Server

	done chan struct{}
}

func (s *started) Start(context.Context) error {
	close(s.done)
	return nil
}

func (s *started) StartedChecker() healthz.Checker {
	return func(*http.Request) error {
		select {
		case <-s.done:
			return nil
		default:
			return errors.New("not started")
		}
	}
}

func TestServed(t *testing.T) {
	written, trusted, converting := make(chan struct{}), make(chan struct{}), make(chan struct{})
	server := &started{done: make(chan struct{})}
	s := &Server{Server: server, Certificate: Certificate{Written: written, Trusted: trusted, Converting: converting}}
	if s.NeedLeaderElection() {
		t.Error("who stands by serves, too")
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := s.Start(ended); err != nil {
		t.Errorf("a manager that ends before there is a certificate ends in peace, got %v", err)
	}
	request := httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody)
	close(written)
	if err := s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(request); !errors.Is(err, ErrNotReady) {
		t.Errorf("as long as the API server does not trust them, the webhooks are not ready, got %v", err)
	}
	close(trusted)
	if err := s.Check(request); !errors.Is(err, ErrNotReady) {
		t.Errorf("as long as earlier versions are not served, the webhooks are not ready, got %v", err)
	}
	close(converting)
	if err := s.Check(request); err != nil {
		t.Errorf("want it ready, got %v", err)
	}
	s.Certificate.Converting = nil
	if err := s.Check(request); err != nil {
		t.Errorf("without CRDs there is nothing more to wait for, got %v", err)
	}
}

// TestServerLingers: a replica that shuts down still answers the requests that the cluster routes to it.
func TestServerLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		written := make(chan struct{})
		close(written)
		var stopped time.Time
		s := &Server{Server: servesUntil{at: &stopped}, Certificate: Certificate{Written: written}, Linger: 3 * time.Second}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		if err := s.Start(ctx); err != nil {
			t.Fatal(err)
		}
		if served := stopped.Sub(began); served != time.Minute+3*time.Second {
			t.Errorf("want it to serve for three seconds after it was told to stop, got %s", served-time.Minute)
		}
	})
}

// servesUntil is a server that records when its context ended.
type servesUntil struct {
	webhook.Server

	at *time.Time
}

func (s servesUntil) Start(ctx context.Context) error {
	<-ctx.Done()
	*s.at = time.Now()
	return nil
}
