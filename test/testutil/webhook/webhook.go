// Package webhook serves admission webhooks from the process of a test.
package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	"k8s.io/client-go/util/cert"
)

// maxReview is the largest request of the API server, in bytes: an object of 1.5 MiB before and after, encoded as JSON.
const maxReview = 16 << 20

// Answer returns the response to a request. Handler sets its UID.
type Answer func(*admissionv1.AdmissionRequest) admissionv1.AdmissionResponse

// Serve serves a webhook on an IP address of this machine, until the server is closed. An API server in another network namespace
// cannot reach the loopback address; machine.Address returns one that it can reach.
func Serve(ip string, answer Answer) (*httptest.Server, error) {
	certificate, key, err := cert.GenerateSelfSignedCertKey(ip, []net.IP{net.ParseIP(ip)}, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot create a certificate for %q: %w", ip, err)
	}
	pair, err := tls.X509KeyPair(certificate, key)
	if err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return nil, fmt.Errorf("cannot serve a webhook on %q: %w", ip, err)
	}
	server := &httptest.Server{
		Listener: listener, TLS: &tls.Config{Certificates: []tls.Certificate{pair}},
		Config: &http.Server{Handler: Handler(answer), ReadHeaderTimeout: time.Minute},
	}
	server.StartTLS()
	return server, nil
}

// ClientConfig returns what an API server needs to call a webhook: its address and its certificate.
func ClientConfig(server *httptest.Server) admissionregistrationv1.WebhookClientConfig {
	block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
	return admissionregistrationv1.WebhookClientConfig{URL: &server.URL, CABundle: pem.EncodeToMemory(block)}
}

// Trusting returns a client that trusts the certificate of a webhook, and no other one, as the API server does.
func Trusting(config admissionregistrationv1.WebhookClientConfig) *http.Client {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(config.CABundle)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

// Handler decodes each review and encodes its response. A review that it cannot decode gets status 400.
func Handler(answer Answer) http.HandlerFunc {
	return func(out http.ResponseWriter, in *http.Request) {
		review, err := decode(in.Body)
		if err != nil {
			http.Error(out, err.Error(), http.StatusBadRequest)
			return
		}
		response := answer(review.Request)
		response.UID = review.Request.UID
		encoded, err := json.Marshal(admissionv1.AdmissionReview{TypeMeta: review.TypeMeta, Response: &response})
		if err != nil {
			http.Error(out, err.Error(), http.StatusInternalServerError) // the API server treats this as a failure
			return
		}
		out.Header().Set("Content-Type", "application/json")
		_, _ = out.Write(encoded) // an error means that the API server has closed the connection
	}
}

func decode(body io.Reader) (admissionv1.AdmissionReview, error) {
	var review admissionv1.AdmissionReview
	text, err := io.ReadAll(io.LimitReader(body, maxReview))
	if err != nil {
		return review, fmt.Errorf("cannot read the review: %w", err)
	}
	if err := json.Unmarshal(text, &review); err != nil {
		return review, fmt.Errorf("cannot decode the review: %w", err)
	}
	if review.Request == nil {
		return review, errors.New("the review has no request")
	}
	return review, nil
}
