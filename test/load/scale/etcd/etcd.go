// Package etcd writes objects directly into the etcd of a localkube cluster. The API server would need half an hour for as many
// objects as a cluster has after months.
package etcd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// Store is the etcd of a cluster.
type Store struct {
	client *http.Client
	url    string
}

// Pair is a key and its value. JSON encodes both in base64, as the gateway of etcd expects it.
type Pair struct {
	Key   []byte `json:"key"`
	Value []byte `json:"value"`
}

// PerRequest is the maximum number of pairs in one transaction, which is etcd's own limit.
const PerRequest = 128

// Open returns the store of the localkube cluster in a directory. Only a cluster without a node has its etcd on the loopback address.
func Open(dir string) (*Store, error) {
	if dir == "" {
		return nil, errors.New("cannot write objects into etcd: LOCALKUBE_DIR is not set; run this through hack/with-localkube.sh --api-only")
	}
	var cluster struct {
		EtcdPort int  `json:"etcdPort"`
		APIOnly  bool `json:"apiOnly"`
	}
	encoded, err := os.ReadFile(filepath.Join(dir, "cluster.json"))
	if err == nil {
		err = json.Unmarshal(encoded, &cluster)
	}
	if err == nil && !cluster.APIOnly {
		err = errors.New("the cluster has a node; start it with --api-only")
	}
	if err != nil {
		return nil, fmt.Errorf("cannot find etcd of the cluster in %q: %w", dir, err)
	}
	secure, err := credentials(filepath.Join(dir, "pki"))
	if err != nil {
		return nil, err
	}
	return &Store{
		client: &http.Client{Transport: &http.Transport{TLSClientConfig: secure}},
		url:    "https://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(cluster.EtcdPort)) + "/v3/kv/txn",
	}, nil
}

// credentials returns those of the API server.
func credentials(dir string) (*tls.Config, error) {
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, "apiserver-etcd-client.crt"), filepath.Join(dir, "apiserver-etcd-client.key"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the certificate for etcd: %w", err)
	}
	authority, err := os.ReadFile(filepath.Join(dir, "etcd-ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the authority of etcd: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("cannot read the authority of etcd: etcd-ca.crt has no certificate")
	}
	return &tls.Config{Certificates: []tls.Certificate{certificate}, RootCAs: roots, MinVersion: tls.VersionTLS13}, nil
}

// operation is one write of a transaction.
type operation struct {
	Put Pair `json:"requestPut"`
}

// Put writes pairs, at most PerRequest, in one transaction.
func (s *Store) Put(ctx context.Context, pairs []Pair) error {
	operations := make([]operation, len(pairs))
	for i, pair := range pairs {
		operations[i].Put = pair
	}
	body, err := json.Marshal(map[string]any{"success": operations})
	if err != nil {
		return fmt.Errorf("cannot encode %d objects: %w", len(pairs), err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("cannot write objects into etcd: %w", err)
	}
	answer, err := s.client.Do(request)
	if err != nil {
		return fmt.Errorf("cannot write objects into etcd: %w", err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("cannot write objects into etcd: %s: %.200s", answer.Status, said)
	}
	return err
}
