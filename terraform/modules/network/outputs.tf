output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Subnets of the load balancer, in two zones."
  value       = aws_subnet.public[*].id

  # AWS refuses a public load balancer where there is no way to the internet yet.
  depends_on = [aws_route.internet, aws_route.internet_ipv6, aws_route_table_association.public]
}

output "load_balancer_group_id" {
  description = "Security group of the load balancer."
  value       = aws_security_group.load_balancer.id
}

output "tasks" {
  description = "Where tasks run: subnets in two zones, security group, and whether they get a public address."
  value = {
    subnet_ids = local.private_tasks ? aws_subnet.private[*].id : aws_subnet.public[*].id
    group_id   = aws_security_group.tasks.id
    public_ip  = !local.private_tasks
  }

  # A task that starts before its way to registry, logs and tables is open fails, and enough of those fail the deployment.
  depends_on = [
    aws_route.internet, aws_route_table_association.public, aws_route_table_association.private,
    aws_vpc_endpoint.dynamodb, aws_vpc_endpoint.s3, aws_vpc_endpoint.interface,
    aws_vpc_security_group_ingress_rule.services, aws_vpc_security_group_ingress_rule.endpoints,
    aws_vpc_security_group_egress_rule.services, aws_vpc_security_group_egress_rule.gateways, aws_vpc_security_group_egress_rule.aws,
  ]
}
