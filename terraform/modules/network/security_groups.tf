locals {
  edge_ports = var.https ? [80, 443] : [80]
  ingress    = { for pair in setproduct(var.clients, local.edge_ports) : "${pair[0]} ${pair[1]}" => { cidr = pair[0], port = pair[1] } }
  gateways   = { dynamodb = aws_vpc_endpoint.dynamodb.prefix_list_id, s3 = aws_vpc_endpoint.s3.prefix_list_id }

  # Route 53 must reach a load balancer to find it healthy, where not everybody does.
  checked = var.https && !contains(var.clients, "0.0.0.0/0")
}

data "aws_ec2_managed_prefix_list" "health_checks" {
  count = local.checked ? 1 : 0

  name = "com.amazonaws.${var.region}.route53-healthchecks"
}

resource "aws_security_group" "load_balancer" {
  name        = "${var.name}-load-balancer"
  description = "From the internet to the services"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.name}-load-balancer" }
}

resource "aws_vpc_security_group_ingress_rule" "clients" {
  for_each = local.ingress

  security_group_id = aws_security_group.load_balancer.id
  description       = "Clients"
  cidr_ipv4         = strcontains(each.value.cidr, ":") ? null : each.value.cidr
  cidr_ipv6         = strcontains(each.value.cidr, ":") ? each.value.cidr : null
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}

# AWS refuses a rule that is there already, and the old ones might be destroyed later than these are made.
moved {
  from = aws_vpc_security_group_ingress_rule.internet["80"]
  to   = aws_vpc_security_group_ingress_rule.clients["0.0.0.0/0 80"]
}

moved {
  from = aws_vpc_security_group_ingress_rule.internet["443"]
  to   = aws_vpc_security_group_ingress_rule.clients["0.0.0.0/0 443"]
}

resource "aws_vpc_security_group_ingress_rule" "health_checks" {
  count = local.checked ? 1 : 0

  security_group_id = aws_security_group.load_balancer.id
  description       = "Health checks of Route 53"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.health_checks[0].id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
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
