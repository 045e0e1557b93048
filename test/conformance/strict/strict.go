// Package strict judges what Sluice writes beside Tekton as Tekton's webhook does.
package strict

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sluice-ci/sluice/test/testutil/standin"
)

const (
	// ofSluice is the part of a refusal that names the user of the controller.
	ofSluice = " of system:serviceaccount:sluice-system:"
	// closing bounds the time for deleting the configuration of the webhook.
	closing = 30 * time.Second
)

// Start makes the API server ask a webhook about every write of Tekton's kinds. The webhook is on an IP address of this machine that
// the API server can reach. stop ends that, also after ctx has ended. It returns
// an error if a write of Sluice was refused, or if the webhook has seen none.
func Start(ctx context.Context, c client.Client, ip string) (stop func() error, err error) {
	webhook, err := standin.NewWebhookOn(ip)
	if err != nil {
		return nil, err
	}
	configuration := webhook.Configuration()
	if err := c.Create(ctx, configuration); err != nil {
		webhook.Close()
		return nil, fmt.Errorf("cannot create the configuration of the strict webhook: %w", err)
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		defer webhook.Close()
		return errors.Join(client.IgnoreNotFound(c.Delete(ctx, configuration)), verdict(webhook.Seen("taskruns/status"), webhook.Refused()))
	}, nil
}

// verdict returns an error for the refused writes of Sluice. Refused writes of others are part of a case.
func verdict(seen int, refused []string) error {
	if seen == 0 {
		return errors.New("the strict webhook has not seen a status of a TaskRun")
	}
	var ours []string
	for _, one := range refused {
		if strings.Contains(one, ofSluice) {
			ours = append(ours, one)
		}
	}
	if len(ours) > 0 {
		return fmt.Errorf("the strict webhook has refused %d writes of Sluice:\n%s", len(ours), strings.Join(ours, "\n"))
	}
	return nil
}
