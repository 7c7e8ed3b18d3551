output "vpc_id" {
  description = "The VPC."
  value       = aws_vpc.this.id
}

output "public_subnet_ids" {
  description = "Subnets of the load balancer, in two zones."
  value       = aws_subnet.public[*].id
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
}
