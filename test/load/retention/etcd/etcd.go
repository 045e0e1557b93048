// Package etcd asks the etcd of a localkube cluster how full it is.
package etcd

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
)

// Client asks one etcd.
type Client struct {
	url  string
	http *http.Client
}

// State is how full etcd is.
type State struct {
	// Size is the length of its file in bytes, which its quota limits. InUse is the part that is not free.
	Size, InUse int64
	// Quota is its limit in bytes.
	Quota int64
	// Full: its alarm NOSPACE is on, so it accepts no more writes.
	Full bool
}

// Connect returns a client for the etcd of the localkube cluster in a folder.
func Connect(dir string) (*Client, error) {
	text, err := os.ReadFile(filepath.Join(dir, "cluster.json"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the cluster in %q: %w", dir, err)
	}
	var cluster struct {
		EtcdPort int `json:"etcdPort"`
	}
	if err := json.Unmarshal(text, &cluster); err != nil {
		return nil, fmt.Errorf("cannot read the cluster in %q: %w", dir, err)
	}
	pki := func(file string) string { return filepath.Join(dir, "pki", file) }
	pair, err := tls.LoadX509KeyPair(pki("apiserver-etcd-client.crt"), pki("apiserver-etcd-client.key"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the certificate for etcd: %w", err)
	}
	authority, err := os.ReadFile(pki("etcd-ca.crt"))
	if err != nil {
		return nil, fmt.Errorf("cannot read the authority of etcd: %w", err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority) {
		return nil, errors.New("cannot read the authority of etcd: there is no certificate")
	}
	return &Client{
		url: "https://127.0.0.1:" + strconv.Itoa(cluster.EtcdPort),
		http: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
			Certificates: []tls.Certificate{pair}, RootCAs: roots, MinVersion: tls.VersionTLS13,
		}}},
	}, nil
}

// Read returns the present state.
func (c *Client) Read(ctx context.Context) (State, error) {
	var status struct {
		Size  int64 `json:"dbSize,string"`
		InUse int64 `json:"dbSizeInUse,string"`
		Quota int64 `json:"dbSizeQuota,string"`
	}
	if err := c.ask(ctx, "/v3/maintenance/status", "{}", &status); err != nil {
		return State{}, err
	}
	var alarms struct {
		Alarms []struct {
			Alarm string `json:"alarm"`
		} `json:"alarms"`
	}
	if err := c.ask(ctx, "/v3/maintenance/alarm", `{"action":"GET"}`, &alarms); err != nil {
		return State{}, err
	}
	s := State{Size: status.Size, InUse: status.InUse, Quota: status.Quota}
	for _, one := range alarms.Alarms {
		s.Full = s.Full || one.Alarm == "NOSPACE"
	}
	return s, nil
}

func (c *Client) ask(ctx context.Context, path, body string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url+path, bytes.NewBufferString(body))
	if err != nil {
		return fmt.Errorf("cannot ask etcd: %w", err)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return fmt.Errorf("cannot ask etcd: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("cannot ask etcd for %s: it responds with %s", path, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("cannot read what etcd responds to %s: %w", path, err)
	}
	return nil
}
