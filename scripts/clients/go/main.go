// Places, reads, lists and cancels an order with the client that openapi-generator generates for Go. Called by ../run:
// orders URL. Ends with a message if an answer is not what the server has to answer.
package main

import (
	"context"
	"errors"
	"log"
	"os"
	"time"

	"ordermill.example/orders/openapi"
)

const user = "of-go"

func request() openapi.OrderRequest {
	line := openapi.NewLineRequest("Mechanical Keyboard", 2)
	line.SetUnitPrice(149.99)
	order := openapi.NewOrderRequest(user)
	order.SetExternalId("A-1")
	order.SetLines([]openapi.LineRequest{*line})
	order.SetAdjustments([]openapi.AdjustmentRequest{*openapi.NewAdjustmentRequest(6, openapi.SHIPPING)})
	order.SetMetadata(map[string]string{"note": "generated"})
	// So that it is not processed before it is cancelled.
	order.SetProcessAfter(time.Now().Add(24 * time.Hour))
	return *order
}

func must(err error, what string) {
	if err != nil {
		log.Fatalf("%s: %v", what, err)
	}
}

func check(holds bool, what string, found any) {
	if !holds {
		log.Fatalf("%s: %+v", what, found)
	}
}

// The problem that a call was refused with.
func refusal(err error) openapi.Problem {
	var refused *openapi.GenericOpenAPIError
	check(errors.As(err, &refused), "not refused", err)
	problem, isProblem := refused.Model().(openapi.Problem)
	check(isProblem, "no problem", refused.Model())
	return problem
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	configuration := openapi.NewConfiguration()
	configuration.Servers = openapi.ServerConfigurations{{URL: os.Args[1]}}
	orders := openapi.NewAPIClient(configuration).OrdersAPI

	placed, response, err := orders.PlaceOrder(ctx).OrderRequest(request()).IdempotencyKey("k-1").Execute()
	must(err, "place")
	check(response.StatusCode == 201, "status of the answer", response.Status)
	check(placed.Amount == 305.98, "amount", placed.Amount)
	check(placed.Status == openapi.PENDING, "status", placed.Status)
	check(placed.Lines[0].Total == 299.98, "lines", placed.Lines)
	check(placed.Metadata["note"] == "generated", "metadata", placed.Metadata)
	waiting := placed.WaitingFor.Get()
	check(waiting != nil && waiting.What == "process_after", "waiting_for", waiting)

	empty := *openapi.NewOrderRequest(user)
	_, _, err = orders.PlaceOrder(ctx).OrderRequest(empty).IdempotencyKey("k-2").Execute()
	problem := refusal(err)
	check(problem.Status == 422 && problem.Code == "validation_failed", "refusal", problem)

	read, _, err := orders.GetOrder(ctx, placed.Id).Execute()
	must(err, "read")
	check(read.Id == placed.Id && read.Amount == placed.Amount && read.Version == placed.Version, "read", read)

	page, _, err := orders.ListOrders(ctx).UserId(user).Status(openapi.PENDING).Execute()
	must(err, "list")
	check(len(page.Data) == 1 && page.Data[0].Id == placed.Id && !page.HasMore, "list", page)

	reason := openapi.NewCommandRequest()
	reason.SetReason("tried")
	cancelled, _, err := orders.CancelOrder(ctx, placed.Id).CommandRequest(*reason).Execute()
	must(err, "cancel")
	check(cancelled.Id == placed.Id && cancelled.Amount == 305.98, "cancelled", cancelled)
	check(cancelled.Status == openapi.CANCELLED, "status after it was cancelled", cancelled.Status)

	// With no body at all this client sends `null`, which the server refuses.
	_, _, err = orders.CancelOrder(ctx, placed.Id).CommandRequest(*openapi.NewCommandRequest()).Execute()
	check(refusal(err).Code == "illegal_transition", "second cancel", err)
}
