# Tasks reach the tables and nothing they do not need.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name          = "forum-microservices-dev"
  suffix        = ""
  region        = "us-east-1"
  cidr          = "10.20.0.0/16"
  egress        = "endpoints"
  https         = true
  clients       = ["203.0.113.0/24", "2001:db8::/32"]
  service_ports = { users = 3001, threads = 3002, posts = 3003 }
  table_access  = { actions = ["dynamodb:GetItem"], resources = ["arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev"] }
}

run "private" {
  module {
    source = "./modules/network"
  }

  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "logs"] && output.tasks.subnet_ids == aws_subnet.private[*].id && !output.tasks.public_ip
    error_message = "Private tasks need the interface endpoints."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : endswith(subnet.ipv6_cidr_block, "::/64")]) && length(distinct(aws_subnet.public[*].ipv6_cidr_block)) == 2 && aws_route.internet_ipv6.destination_ipv6_cidr_block == "::/0"
    error_message = "Load balancers need IPv6 subnets with a way to the internet."
  }

  assert {
    condition     = length(distinct(aws_subnet.private[*].availability_zone)) == 2 && length(distinct(aws_subnet.public[*].availability_zone)) == 2
    error_message = "Two zones."
  }

  assert {
    condition     = jsondecode(aws_vpc_endpoint.dynamodb.policy).Statement[0].Resource == ["arn:aws:dynamodb:us-east-1:123456789012:table/forum-microservices-users-dev"] && jsondecode(aws_vpc_endpoint.dynamodb.policy).Statement[0].Action == ["dynamodb:GetItem"]
    error_message = "The way to DynamoDB leads to the forum's tables only."
  }

  assert {
    condition     = alltrue([for rule in aws_vpc_security_group_ingress_rule.services : rule.referenced_security_group_id == aws_security_group.load_balancer.id && rule.cidr_ipv4 == null])
    error_message = "Only the load balancer reaches the services."
  }

  assert {
    condition = toset([
      for rule in aws_vpc_security_group_ingress_rule.clients : "${coalesce(rule.cidr_ipv4, rule.cidr_ipv6)} ${rule.from_port}-${rule.to_port} ${rule.ip_protocol}"
    ]) == toset(["203.0.113.0/24 80-80 tcp", "203.0.113.0/24 443-443 tcp", "2001:db8::/32 80-80 tcp", "2001:db8::/32 443-443 tcp"])
    error_message = "Only the listed clients reach the load balancer."
  }

  assert {
    condition     = data.aws_ec2_managed_prefix_list.health_checks[0].name == "com.amazonaws.us-east-1.route53-healthchecks" && aws_vpc_security_group_ingress_rule.health_checks[0].from_port == 443
    error_message = "Without its health checks Route 53 holds both Regions for dead."
  }

  assert {
    condition     = aws_vpc_security_group_egress_rule.aws.cidr_ipv4 == null
    error_message = "Private tasks do not reach the internet."
  }

  assert {
    condition     = length(jsondecode(aws_iam_role_policy.flow.policy).Statement) > 0 && aws_flow_log.this.iam_role_arn == aws_iam_role.flow.arn
    error_message = "A flow log whose role may write nothing stays empty."
  }
}

run "public" {
  module {
    source = "./modules/network"
  }

  variables {
    egress  = "public"
    https   = false
    clients = []
  }

  assert {
    condition     = length(aws_vpc_endpoint.interface) == 0 && output.tasks.subnet_ids == aws_subnet.public[*].id && output.tasks.public_ip
    error_message = "Public tasks need no interface endpoints."
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.clients) == 0 && length(aws_vpc_security_group_ingress_rule.health_checks) == 0 && aws_vpc_security_group_egress_rule.aws.cidr_ipv4 == "0.0.0.0/0"
    error_message = "Nobody reaches a load balancer without clients."
  }
}

run "everybody" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    clients = ["0.0.0.0/0", "::/0"]
  }

  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.clients) == ["0.0.0.0/0 443", "0.0.0.0/0 80", "::/0 443", "::/0 80"] && length(aws_vpc_security_group_ingress_rule.health_checks) == 0
    error_message = "Where everybody reaches the load balancer, so do the health checks."
  }
}

run "http_from_an_office" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    https   = false
    clients = ["203.0.113.7/32"]
  }

  assert {
    condition     = keys(aws_vpc_security_group_ingress_rule.clients) == ["203.0.113.7/32 80"]
    error_message = "Without a certificate nothing listens on 443."
  }
}
