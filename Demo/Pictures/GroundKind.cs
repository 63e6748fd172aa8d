namespace Prisma.Demo;

/// <summary>How bright the ground of a captioned picture is.</summary>
public enum GroundKind
{
    Dark,
    Grey,
    Light,
}
