module top(input clk, output [4:0] led);
  reg [25:0] count = 0;
  always @(posedge clk) count <= count + 1;
  assign led = count[25:21] ^ (count[25:21] >> 1);
endmodule
