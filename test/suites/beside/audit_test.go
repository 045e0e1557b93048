//go:build integration

package beside

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// write is a request that changes an object, from the audit log of the API server.
type write struct {
	user, verb, resource, namespace, name string
}

// String returns the write for messages.
func (w write) String() string {
	return fmt.Sprintf("%s: %s %s %s/%s", w.user, w.verb, w.resource, w.namespace, w.name)
}

// auditEvent has the fields of an event of audit.k8s.io that the tests need.
type auditEvent struct {
	Verb             string `json:"verb"`
	User             user   `json:"user"`
	ImpersonatedUser *user  `json:"impersonatedUser"`
	ObjectRef        struct {
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
}

type user struct {
	Username string `json:"username"`
}

// openAuditLog opens the audit log of the localkube cluster in a folder.
func openAuditLog(dir string) (*os.File, error) {
	if dir == "" {
		return nil, errors.New("the environment variable LOCALKUBE_DIR does not name the folder of the cluster, whose audit log these tests read")
	}
	log, err := os.Open(filepath.Join(dir, "logs", "audit.log"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the cluster in %s has no audit log: start it with --audit-log", dir)
	}
	return log, err
}

// writes reads the requests in a namespace that changed an object.
func writes(t *testing.T, namespace string) []write {
	t.Helper()
	return slices.DeleteFunc(allWrites(t), func(w write) bool { return w.namespace != namespace })
}

// allWrites reads the requests that changed an object. The API server logs a request before it answers, so the log has every change
// that a test has seen. A request that was refused counts, too: it was an attempt.
func allWrites(t *testing.T) []write {
	t.Helper()
	log, err := openAuditLog(os.Getenv("LOCALKUBE_DIR"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	var all []write
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e auditEvent
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // the API server is writing the last line
		}
		w := write{
			user: e.User.Username, verb: e.Verb, resource: e.ObjectRef.Resource, namespace: e.ObjectRef.Namespace, name: e.ObjectRef.Name,
		}
		if e.ImpersonatedUser != nil {
			w.user = e.ImpersonatedUser.Username
		}
		if e.ObjectRef.Subresource != "" {
			w.resource += "/" + e.ObjectRef.Subresource
		}
		all = append(all, w)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// by returns the writes of a user.
func by(all []write, user string) []write {
	var some []write
	for _, w := range all {
		if w.user == user {
			some = append(some, w)
		}
	}
	return some
}
