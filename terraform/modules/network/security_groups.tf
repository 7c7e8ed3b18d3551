locals {
  edge_ports = toset(concat(["80"], var.https ? ["443"] : []))
  gateways   = { dynamodb = aws_vpc_endpoint.dynamodb.prefix_list_id, s3 = aws_vpc_endpoint.s3.prefix_list_id }
}

resource "aws_security_group" "load_balancer" {
  name        = "${var.name}-load-balancer"
  description = "From the internet to the services"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "internet" {
  for_each = local.edge_ports

  security_group_id = aws_security_group.load_balancer.id
  description       = "Clients"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = tonumber(each.value)
  to_port           = tonumber(each.value)
}

resource "aws_vpc_security_group_egress_rule" "services" {
  for_each = var.service_ports

  security_group_id            = aws_security_group.load_balancer.id
  description                  = "To ${each.key}"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_security_group" "tasks" {
  name        = "${var.name}-tasks"
  description = "Services and the operator task"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-tasks" }
}

resource "aws_vpc_security_group_ingress_rule" "services" {
  for_each = var.service_ports

  security_group_id            = aws_security_group.tasks.id
  description                  = "To ${each.key}"
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = each.value
  to_port                      = each.value
}

resource "aws_vpc_security_group_egress_rule" "gateways" {
  for_each = local.gateways

  security_group_id = aws_security_group.tasks.id
  description       = "To ${each.key}"
  prefix_list_id    = each.value
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# Registry and logs: through the interface endpoints, or else over the internet.
resource "aws_vpc_security_group_egress_rule" "aws" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "To registry and logs"
  referenced_security_group_id = one(aws_security_group.endpoints[*].id)
  cidr_ipv4                    = local.private_tasks ? null : "0.0.0.0/0"
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_security_group" "endpoints" {
  count = local.private_tasks ? 1 : 0

  name        = "${var.name}-endpoints"
  description = "Interface endpoints"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-endpoints" }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  count = local.private_tasks ? 1 : 0

  security_group_id            = aws_security_group.endpoints[0].id
  description                  = "Tasks"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}
