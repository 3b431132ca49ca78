// For the type checker alone; the server does not send it.
import uPlot from "uplot";
export default uPlot;
