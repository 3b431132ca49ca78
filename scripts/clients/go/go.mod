module ordermill.example/orders

go 1.19
