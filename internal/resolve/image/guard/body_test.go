package guard

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sluice-ci/sluice/internal/budget"
)

// answeringTransport answers every request with so many bytes.
type answeringTransport int

func (n answeringTransport) RoundTrip(request *http.Request) (*http.Response, error) {
	body := io.NopCloser(strings.NewReader(strings.Repeat("x", int(n))))
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: body, Request: request}, nil
}

// TestAnswersShareMemory: however many lookups read large answers at once, what they hold stays within the budget. The others
// fail in a way that may pass, and small answers need nothing of it.
func TestAnswersShareMemory(t *testing.T) {
	cases := map[string]struct {
		reason string
		bytes  int
		// read is how many of 64 lookups get their answer.
		read int
	}{
		"Small":   {reason: "Almost every manifest.", bytes: free, read: 64},
		"Medium":  {reason: "A large index.", bytes: 2 * step, read: 21},
		"Largest": {reason: "An attacker's.", bytes: MaxAnswer, read: 2},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			memory := budget.New(Memory)
			var leases []*budget.Lease
			read := 0
			for range 64 {
				lease := memory.Lease()
				leases = append(leases, lease)
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://r.example/v2/a/manifests/1", http.NoBody)
				if err != nil {
					t.Fatal(err)
				}
				door := NewDoor(answeringTransport(tc.bytes), Registry{Host: "r.example"}, Hosts{}, lease)
				answer, err := door.RoundTrip(request) //nolint:bodyclose // The transport is a fake; what an answer holds is the lease's.
				if err != nil {
					t.Fatal(err)
				}
				content, err := io.ReadAll(answer.Body)
				switch {
				case err == nil && len(content) == tc.bytes:
					read++
				case !errors.Is(err, ErrBusy):
					t.Fatalf("%s: want ErrBusy, got %d bytes and %v", tc.reason, len(content), err)
				default:
					lease.End() // as a lookup does that has failed
				}
			}
			if held := memory.Held(); read != tc.read || held > Memory || tc.bytes > free && held < int64(read*tc.bytes*copies) {
				t.Errorf("%s: want %d answers, got %d; %d bytes are held", tc.reason, tc.read, read, held)
			}
			for _, lease := range leases {
				lease.End()
			}
			if memory.Held() != 0 {
				t.Errorf("%d bytes are still held", memory.Held())
			}
		})
	}
}
